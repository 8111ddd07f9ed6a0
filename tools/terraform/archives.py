"""Packs each function for deployment. Terraform's `external` data source runs it; it needs only the standard library.

It reads {"functions": "a,b", "output": folder} from standard input, writes `<folder>/<function>-<hash>.zip` for each
function, and answers {function: hash}. The hash covers names and contents. Equal contents make equal archives.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent.parent
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a ZIP archive can name
_SHARED_FOLDERS = ("shared", "configs")
_OWN_FILES = ("main.py", "requirements.txt")
_DOCUMENTS = {"console": ("docs/openapi.json",)}  # what a function serves


def members(root: Path, function: str) -> dict[str, bytes]:
    """The files of a function's archive, by name; raises FileNotFoundError if one is missing."""
    files = {name: (root / "functions" / function / name).read_bytes() for name in _OWN_FILES}
    files |= {name: (root / name).read_bytes() for name in _DOCUMENTS.get(function, ())}
    for folder in _SHARED_FOLDERS:
        files |= {path.relative_to(root).as_posix(): path.read_bytes() for path in _sources(root / folder)}
    return dict(sorted(files.items()))


def _sources(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and "__pycache__" not in parts and not any(part.startswith(".") for part in parts):
            yield path


def content_hash(files: Mapping[str, bytes]) -> str:
    """A hash of names and contents, whatever the order and the archive's format."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


def pack(root: Path, function: str, output: Path) -> str:
    """Write a function's archive unless it exists; returns the hash of its content."""
    files = members(root, function)
    name = content_hash(files)
    archive = output / f"{function}-{name}.zip"
    if not archive.exists():
        output.mkdir(parents=True, exist_ok=True)
        # Written under another name and renamed, so that an interrupted plan leaves no incomplete archive.
        descriptor, unfinished = tempfile.mkstemp(dir=output, suffix=".part")
        with os.fdopen(descriptor, "wb") as file:
            _write(file, files)
        Path(unfinished).replace(archive)
    return name


def _write(file: IO[bytes], files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, date_time=_EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)


def main() -> int:
    """Answer one query of Terraform's."""
    query = json.load(sys.stdin)
    functions = [name for name in query["functions"].split(",") if name]
    try:
        answer = {function: pack(ROOT, function, Path(query["output"])) for function in functions}
    except FileNotFoundError as error:
        print(f"cannot pack a function: {error.filename or error} is missing", file=sys.stderr)
        return 1
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
