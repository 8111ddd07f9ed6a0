"""A file under configs/ that cannot be read is reported with file and line, and stops only its own pipeline."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from shared.adapters.bigquery.sql import load_statements
from shared.configuration.files import load_document
from shared.configuration.lookups import get_lookup
from shared.configuration.templates import get_template, load_template
from shared.domain.templates.step_options import Lookup
from shared.errors import BrokenTemplate, ConfigError

UNREADABLE = {
    "a date that is none": ("a: 1\nx: 2025-13-45", r":2: not a valid timestamp"),
    "a timestamp that is none": ("x: !!timestamp abc", r":1: not a valid timestamp"),
    "a number that is none": ("x: !!int abc", r":1: not a valid int"),
    "a number of 5,000 digits": ("a: 1\nb: 2\nx: " + "9" * 5000, r":3: not a valid int"),
    "a boolean that is none": ("x: !!bool maybe", r":1: not a valid bool"),
    "a decimal that is none": ("x: !!float abc", r":1: not a valid float"),
    "no text": ("a: \x00", r":1: unacceptable character"),
    "a tab": ("a:\n\tb: 1", r":2: found character"),
    "brackets": ("a: " + "[" * 5000 + "]" * 5000, r":1: exceeded maximum nesting depth"),
    "a key that is a list": ("? [a]\n: x", r":1: found unhashable key"),
    "a list": ("- a", r":1: must be a mapping"),
    "nothing": ("", r":1: must be a mapping"),
    "a list that contains itself": ("steps: &a [*a]", r":1: steps\.0"),
    "a mapping that contains itself": ("steps: &a {b: *a}", r":1: steps"),
    "a billion aliases": (
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "\n".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in pairwise("abcdefghi")),
        r":1: a: is unknown",
    ),
}


@pytest.mark.parametrize(("text", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_template_that_cannot_be_read_is_reported_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "gcp" / "cost" / "own.yml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(BrokenTemplate, match=f"gcp/cost/own.yml{message}"):
        load_template(file)


def test_a_file_that_may_not_be_opened_is_reported(tmp_path: Path) -> None:
    (tmp_path / "own.yml").mkdir()
    with pytest.raises(ConfigError, match=r"own\.yml:1: cannot be read: Is a directory"):
        load_document(tmp_path / "own.yml")
    with pytest.raises(ConfigError, match=r"own\.sql: cannot be read: No such file"):
        load_statements(tmp_path / "own.sql")


def test_a_link_that_leads_to_itself_is_no_template(tmp_path: Path) -> None:
    link = tmp_path / "own.yml"
    link.symlink_to(link)
    assert load_template(link) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'a,b\n"x"y,1', "expected after"), (b'a,b\n"x', "unexpected end"), (b"a,b\n\xff,1", "not text in UTF-8")],
)
def test_a_lookup_that_cannot_be_read_is_reported(tmp_path: Path, content: bytes, message: str) -> None:
    folder = tmp_path / "gcp" / "cost"
    folder.mkdir(parents=True)
    (folder / "names.csv").write_bytes(content)
    changes = {"folder": str(folder), "lookups": {"names": Lookup(file="names.csv")}}
    with pytest.raises(ConfigError, match=rf"names\.csv: .*{message}"):
        get_lookup(get_template("gcp", "cost", "billing").model_copy(update=changes), "names")
