"""Serves the files in shared/console/static. A name has a hash of the content, so browsers keep the file for good."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path

from shared.console.replies import StaticFile
from shared.errors import NotFound
from shared.http.messages import Call

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def asset_url(name: str) -> str:
    """The path of a file, for example /console/static/console.1f2e3d4c5b6a.css for console.css."""
    return f"/console/static/{_names()[name]}"


def show_asset(call: Call[None]) -> StaticFile:
    """The file. NotFound for an unknown name, and for the name of an older content."""
    name = _plain_names().get(call.params["file"])
    if name is None:
        raise NotFound
    return _file(name)


@cache
def _names() -> dict[str, str]:
    return {path.name: _hashed_name(path) for path in _FOLDER.iterdir() if path.suffix in _TYPES}


@cache
def _plain_names() -> dict[str, str]:
    return {hashed: plain for plain, hashed in _names().items()}


@cache
def _file(name: str) -> StaticFile:
    path = _FOLDER / name
    content = path.read_bytes()
    return StaticFile(content, gzip.compress(content, mtime=0), _TYPES[path.suffix])


def _hashed_name(path: Path) -> str:
    return f"{path.stem}.{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}{path.suffix}"
