"""A running process uses an edited template, table or lookup at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.configuration.cache import reread_when_changed
from shared.configuration.lookups import get_lookup
from shared.configuration.platform_config import CONFIGS
from shared.configuration.templates import load_template
from shared.pipeline.statements import template_statements

BILLING = CONFIGS / "gcp" / "cost" / "billing.yml"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A copy of a template with a lookup and several files of SQL."""
    copy = tmp_path / "gcp" / "cost" / BILLING.name
    copy.parent.mkdir(parents=True)
    (tmp_path / "sql").mkdir()
    for file in [*BILLING.parent.glob("billing.*"), *BILLING.parent.parent.glob("*.csv"), *CONFIGS.glob("sql/*.sql")]:
        (tmp_path / file.relative_to(BILLING.parents[2])).write_text(file.read_text())
    return copy


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_unchanged_template_is_read_once(template: Path) -> None:
    assert load_template(template) is load_template(template)


def test_an_edited_template_is_read_again(template: Path) -> None:
    before = load_template(template)
    assert before is not None
    edited(template, "owner: ", "owner: somebody_else_than_")
    after = load_template(template)
    assert after is not None
    assert (before.owner != after.owner, after.owner[:8]) == (True, "somebody")


def test_a_template_that_was_missing_is_found_once_it_exists(template: Path) -> None:
    new = template.with_name("new.yml")
    assert load_template(new) is None
    new.write_text(template.read_text())
    found = load_template(new)
    assert found is not None
    new.unlink()
    assert load_template(new) is None


@pytest.mark.parametrize("part", ["billing.sql", "billing.focus.sql", "../../sql/focus_checks.sql"])
def test_edited_sql_is_used_by_the_next_read_of_the_template(template: Path, part: str) -> None:
    file = template.parent / part
    opening = file.read_text().splitlines()[0]
    before = load_template(template)
    assert before is not None
    known = template_statements(before).keys()
    edited(file, opening, f"-- name: added_later\n-- Says one.\nSELECT 1 AS one\n\n{opening}")
    after = load_template(template)
    assert after is not None
    assert template_statements(after).keys() - known == {"added_later"}
    assert template_statements(before).keys() == known  # a holder of the earlier template keeps its statements


def test_an_edited_lookup_is_read_again(template: Path) -> None:
    found = load_template(template)
    assert found is not None
    name = next(iter(found.lookups))
    before = get_lookup(found, name)
    file = template.parent / found.lookups[name].file
    last = file.read_text().rstrip("\n").rsplit("\n", 1)[1]
    edited(file, last, f"{last}\n{last}")
    assert get_lookup(found, name).digest != before.digest


def test_a_file_is_read_again_if_only_its_time_has_changed(tmp_path: Path) -> None:
    read = reread_when_changed(lambda path: path.read_text())
    file = tmp_path / "a.yml"
    file.write_text("one")
    assert read(file) == "one"
    file.write_text("two")
    os.utime(file, ns=(0, 1))
    assert read(file) == "two"
