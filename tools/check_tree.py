"""Checks what no linter checks: long files, forbidden lines, and errors that may be their own cause.

`python -m tools.check_tree` prints the problems.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tools.check_raises import check_raises

ROOT = Path(__file__).resolve().parent.parent
TEXT = {".py", ".sql", ".yml", ".yaml", ".toml", ".md", ".txt", ".in", ".tf", ".hcl", ".sh", ".json", ""}
SOURCE = {".py", ".sql", ".yml", ".tf", ".sh", ""}


@dataclass(frozen=True)
class Size:
    """Files matching `glob` have at most `lines` lines."""

    glob: str
    lines: int


@dataclass(frozen=True)
class Banned:
    """No line of a file matching one of `globs` matches `pattern`."""

    what: str
    globs: tuple[str, ...]
    pattern: re.Pattern[str]


# bootstrap.py and platform.yml may be longer, because they have an entry for each service and function.
SIZES = (
    Size("functions/*/main.py", 39),
    Size("shared/bootstrap.py", 500),
    Size("configs/platform.yml", 500),
    Size("*", 300),
)
BANNED = (
    Banned("a mark of a merge that was not finished", ("*",), re.compile(r"^(?:<{7}|>{7}|\|{7}) ")),
    Banned(
        "a path of somebody's machine",
        ("*",),
        re.compile(r"(?:^|[^A-Za-z0-9_.*])/(?:work|farm|root|Users/\w+|home/\w+)/"),
    ),
    Banned(
        "a package index",
        ("requirements*", "requirements/*", "Makefile", "*.toml", ".ci/*", "functions/*"),
        re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host"),
    ),
    Banned(
        "SQL inside Python",
        ("shared/*.py", "functions/*.py"),
        re.compile(r"\b(?:SELECT|UPDATE|INSERT INTO|DELETE FROM|MERGE)\b.*\b(?:FROM|SET|VALUES|USING)\b"),
    ),
    Banned(
        "a clock, an id or chance inside the domain",
        ("shared/domain/*.py",),
        re.compile(r"\b(?:datetime\.now|datetime\.utcnow|date\.today|uuid\.uuid[14]|random\.(?!Random\b)\w+)\b"),
    ),
    Banned(
        "a text file that is opened without an encoding, so with the machine's default",
        ("shared/*.py", "functions/*.py", "convergence/*.py", "devcloud/*.py", "tools/*.py", "benchmarks/*.py"),
        re.compile(r"\.read_text\(\)|\.write_text\((?!.*encoding=).*\)$"),
    ),
    Banned("a sleep without a reason beside it", ("tests/*.py",), re.compile(r"\btime\.sleep\([^#]*$")),
    Banned("a test that is skipped for good", ("tests/*.py",), re.compile(r"pytest\.mark\.(?:skip|xfail)\b")),
)


def files(root: Path) -> Iterator[tuple[str, Path]]:
    """Every text file with its path from the root, without hidden folders other than .ci."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        hidden = any(part.startswith(".") and part != ".ci" for part in Path(name).parts)
        if path.is_file() and not hidden and "__pycache__" not in name and path.suffix in TEXT and name != "LICENSE":
            yield name, path


def check_size(name: str, lines: list[str]) -> Iterator[str]:
    """One finding when a source file is too long."""
    if Path(name).suffix in SOURCE:
        limit = next(size.lines for size in SIZES if fnmatch(name, size.glob))
        if len(lines) > limit:
            yield f"{name}: {len(lines)} lines, at most {limit}: it holds more than one concept"


def check_lines(name: str, lines: list[str]) -> Iterator[str]:
    """A finding for each line that must not be there."""
    for banned in BANNED:
        if any(fnmatch(name, glob) for glob in banned.globs):
            for number, line in enumerate(lines, start=1):
                if banned.pattern.search(line):
                    yield f"{name}:{number}: {banned.what}: {line.strip()[:100]}"


def findings(root: Path) -> Iterator[str]:
    """All findings under a folder."""
    for name, path in files(root):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        yield from check_size(name, lines)
        yield from check_lines(name, lines)
        if path.suffix == ".py" and name.startswith(("shared/", "functions/")):
            yield from check_raises(name, text)


def main() -> int:
    """Print the findings; returns 1 if there is any."""
    found = list(findings(ROOT))
    for finding in found:
        print(finding)
    print(f"Tree: {len(found)} findings." if found else "Tree: nothing too long, nothing out of place.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
