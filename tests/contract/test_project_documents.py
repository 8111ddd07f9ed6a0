"""The commands, files and versions that the documents name exist."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from tests.support.shell_blocks import ROOT, documents

ADRS = sorted(path for path in (ROOT / "docs" / "adr").glob("*.md") if path.name != "README.md")
SOURCES = [
    *(path for path in ROOT.iterdir() if path.suffix in {".py", ".toml", ".sh"}),
    *chain.from_iterable(
        (ROOT / folder).rglob(f"*{suffix}")
        for folder in ("benchmarks", "configs", "devcloud", "functions", "shared", "terraform", "tests", "tools")
        for suffix in (".py", ".sql", ".yml", ".tf", ".sh", ".toml")
    ),
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("adr", ADRS, ids=lambda path: path.name[:4])
def test_the_index_of_decisions_has_each_with_its_title_and_status(adr: Path) -> None:
    title, status = re.findall(r"^# \d+\. (.*)\n\n(\w+)", adr.read_text(encoding="utf-8"))[0]
    line = rf"\| \[{adr.name[:4]}\]\({adr.name}\) \| {re.escape(title)} \| {status}[^|]* \| 20\d\d-\d\d-\d\d \|"
    assert re.search(line, text_of("docs/adr/README.md"))


def test_the_index_of_decisions_is_in_order() -> None:
    numbers = re.findall(r"^\| \[(\d{4})\]", text_of("docs/adr/README.md"), re.MULTILINE)
    assert numbers == [path.name[:4] for path in ADRS]


def test_the_project_has_the_version_of_its_newest_release() -> None:
    headings = re.findall(r"^## \[(.*?)\](?: - (20\d\d-\d\d-\d\d))?$", text_of("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert all(date for _, date in headings[1:])
    assert headings[1][0] == tomllib.loads(text_of("pyproject.toml"))["project"]["version"]


EVERY_DOCUMENT = pytest.mark.parametrize("document", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())


@EVERY_DOCUMENT
def test_links_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", prose):
        path = document.parent / target if target else document
        assert path.exists(), target
        assert not anchor or anchor in anchors_of(path), f"{target}#{anchor}"


def anchors_of(document: Path) -> set[str]:
    """The headings of a document as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EVERY_DOCUMENT
def test_named_make_targets_exist(document: Path) -> None:
    named = re.findall(r"(?:`|\$ |^ *)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= TARGETS


def test_files_that_contributing_names_exist() -> None:
    folders = "|".join(path.name for path in ROOT.iterdir() if path.is_dir())
    named = re.findall(rf"`((?:{folders})/[^`<>* ]*|[\w.]+\.(?:in|sh|toml|md))`", text_of("CONTRIBUTING.md"))
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_folder_of_the_product_is_on_the_code_map() -> None:
    text = text_of("CONTRIBUTING.md")
    folders = [path for path in (ROOT / "shared").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert [path.name for path in folders if f"`shared/{path.name}/`" not in text] == []


def test_documents_that_code_names_exist() -> None:
    known = {path.name for path in documents()}
    named = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in SOURCES
        for name in re.findall(r"\b[A-Z][A-Z_]+\.md\b", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    assert {(path, name) for path, name in named if name not in known} == set()


def test_the_readme_says_first_for_whom_it_is_and_what_it_needs() -> None:
    first = text_of("README.md").partition("```mermaid")[0]
    assert len(first.splitlines()) <= 40
    for word in ("For whom", "does today", "does not do yet", "needs", "one export of each cloud", "not been applied"):
        assert word in first
    for document in ("COMPLETE_FLOWS.md", "TESTING_STRATEGY.md", "CONTRIBUTING.md", "SECURITY.md"):
        assert f"]({document})" in first
