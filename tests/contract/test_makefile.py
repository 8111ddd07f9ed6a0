"""The Makefile and the scripts it calls work with what macOS brings: GNU make 3.81 and bash 3.2."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Features of GNU make 3.82 and later, each with the release that brought it.
NEWER_MAKE = {
    r"^\.(?:ONESHELL|SHELLFLAGS|EXTRA_PREREQS|NOTINTERMEDIATE)\b": "3.82 and later",
    r"^(?:private|undefine)\b": "3.82",
    r"^define \S+ *[:+?]?=": "3.82",
    r"\$\((?:file|guile|intcmp|let) ": "4.0 and later",
    r"--output-sync|(?<!\S)-O\b": "4.0",
    r"^[^\t#]*(?:::=|!=)": "4.0",
    r"^[^\t#]*&:": "4.3",
}
# Features of bash 4 and later.
NEWER_BASH = {
    r"\b(?:mapfile|readarray|coproc)\b": "4.0",
    r"\b(?:declare|local|typeset) -[a-z]*[An]": "4.0 and later",
    r"\$\{\w+(?:,,|\^\^|@[QEPAa])": "4.0 and later",
    r"\|&|&>>|;;&": "4.0",
    r"\bwait -n\b": "4.3",
}


def scripts() -> list[str]:
    """Every bash script of the project."""
    found = [
        path
        for folder in (".", ".ci", "tools")
        for path in (ROOT / folder).rglob("*" if folder != "." else "*.sh")
        if path.is_file() and (path.suffix == ".sh" or path.read_bytes().startswith(b"#!/usr/bin/env bash"))
    ]
    return sorted({path.relative_to(ROOT).as_posix() for path in found if ".venv" not in path.as_posix()})


def newer(text: str, features: dict[str, str]) -> list[str]:
    """The lines of a text that need something newer, each with what it needs."""
    return [
        f"{line.strip()} (needs {since})"
        for line in text.splitlines()
        for pattern, since in features.items()
        if re.search(pattern, line)
    ]


def test_makefile_needs_nothing_newer_than_make_3_81() -> None:
    assert newer((ROOT / "Makefile").read_text(encoding="utf-8"), NEWER_MAKE) == []


def test_each_line_of_a_recipe_is_one_command() -> None:
    recipes = re.findall(r"^\t(.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(recipes) > 15
    assert [line for line in recipes if re.search(r"(?<!\|);|&&|\\$", line) and "awk" not in line] == []


@pytest.mark.parametrize("script", scripts())
def test_script_needs_nothing_newer_than_bash_3_2(script: str) -> None:
    assert newer((ROOT / script).read_text(encoding="utf-8"), NEWER_BASH) == []


@pytest.mark.parametrize("line", [".ONESHELL:", "x != ls", "\t@make --output-sync=target x", "define x =", "a b &: c"])
def test_features_newer_than_make_3_81_are_found(line: str) -> None:
    assert newer(line, NEWER_MAKE) != []


@pytest.mark.parametrize("line", ["mapfile -t lines", "local -A names", 'echo "${name,,}"', "wait -n"])
def test_features_newer_than_bash_3_2_are_found(line: str) -> None:
    assert newer(line, NEWER_BASH) != []
