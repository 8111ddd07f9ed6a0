"""Compiles each requirements.in into a lock, and writes down what the locked distributions require.

    .venvs/uv/bin/python -m tools.locks [--upgrade]

Needs the network and .venvs/uv, and no other package. tests/contract/test_locks.py reads these requirements and shows
that every lock is complete.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.locks.closing import closed
from tools.locks.metadata import requirements_of

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".venvs" / "uv" / "bin" / "uv"
NOTES = ROOT / "requirements" / "distributions.json"
_OPTIONS = ("--universal", "--generate-hashes", "--no-strip-extras", "--no-header", "--no-emit-index-url")
# The official FOCUS validator requires Python 3.12, but also runs on 3.11.
_OLDEST_PYTHON = {"focus.in": "3.12"}


def wanted() -> Iterator[Path]:
    """Every requirements.in, the root's first, because its lock constrains the others."""
    yield ROOT / "requirements.in"
    yield from sorted((ROOT / "requirements").rglob("*.in"))
    yield from sorted(ROOT.glob("functions/*/requirements.in"))


def compile_lock(path: Path, *, upgrade: bool) -> Path:
    """Compile the lock of a requirements.in; without `upgrade`, pins that still fit stay as they are."""
    lock = path.with_suffix(".txt")
    options = [*_OPTIONS, "--python-version", _OLDEST_PYTHON.get(path.name, "3.11")]
    if path.parent.parent == ROOT / "functions":
        options += ["--constraints", "requirements.txt"]
    if upgrade:
        options.append("--upgrade")
    names = [str(path.relative_to(ROOT)), "--output-file", str(lock.relative_to(ROOT))]
    subprocess.run([UV, "pip", "compile", "--quiet", *options, *names], cwd=ROOT, check=True)
    lock.write_text(closed(lock.read_text(encoding="utf-8")), encoding="utf-8")
    return lock


def main() -> int:
    """Compile all locks, then write the notes."""
    parser = argparse.ArgumentParser(prog="python -m tools.locks", description=__doc__.partition("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="move every pin to the newest release")
    upgrade = parser.parse_args().upgrade
    locks = []
    for path in wanted():
        print(path.relative_to(ROOT), flush=True)
        locks.append(compile_lock(path, upgrade=upgrade))
    print(NOTES.relative_to(ROOT), flush=True)
    notes = requirements_of(locks)
    NOTES.write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
