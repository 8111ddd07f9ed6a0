"""Keeps the objects of local buckets as files, and for each bucket the identity that may read it."""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from devcloud.errors import UserError

_PARTIAL = ".partial"  # the ending of a file that is being written
_MAX_NAME_LENGTH = 255 - len(_PARTIAL)
_PIECE_BYTES = 1024 * 1024


class BucketError(UserError):
    """The bucket or the object cannot be written; the message says why."""


@dataclass(frozen=True)
class Reader:
    """The identity that may read one bucket. Entra also takes a token of Google's with the claims in `trusts`."""

    bucket: str
    id: str
    secret: str
    trusts: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Found:
    """An object; `etag` has no quotes and changes with each write."""

    key: str
    path: Path
    size: int
    etag: str
    modified_at: datetime

    def part(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`, which is exclusive."""
        return b"".join(self.pieces(start, end))

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """The same bytes, a megabyte at a time. The file is opened at once, so they are of one version."""
        file = self.path.open("rb")
        file.seek(start)
        return _pieces(file, end - start)


@dataclass(frozen=True)
class Buckets:
    """The buckets below a folder. Other processes may also write there, so nothing is kept in memory."""

    root: Path

    def make(self, bucket: str, reader_id: str, secret: str | None = None) -> Reader:
        """Make the bucket if it is missing; returns its reader. A repeated call returns the same secret."""
        if found := self.reader_of(bucket):
            return found
        reader = Reader(bucket, reader_id, secret or secrets.token_urlsafe(30))
        _write(self._reader_file(bucket), json.dumps(asdict(reader)).encode())
        return reader

    def trust(self, bucket: str, claims: Mapping[str, str]) -> None:
        """Let the bucket's reader be proved by Google's tokens with these claims."""
        reader = self.reader_of(bucket)
        if reader is None:
            raise BucketError(f"there is no bucket {bucket}")
        _write(self._reader_file(bucket), json.dumps(asdict(reader) | {"trusts": dict(claims)}).encode())

    def reader_of(self, bucket: str) -> Reader | None:
        """The reader of a bucket; None if there is no such bucket."""
        path = self._reader_file(bucket)
        return _reader(path) if path.exists() else None

    def reader_named(self, reader_id: str) -> Reader | None:
        """The reader with this id; None if there is none."""
        readers = map(_reader, (self.root / "readers").glob("*.json"))
        return next((reader for reader in readers if reader.id == reader_id), None)

    def put(self, bucket: str, key: str, content: bytes, *, modified_at: datetime | None = None) -> None:
        """Write an object. It appears whole or not at all."""
        _write(self._path(bucket, key), content, modified_at)

    def remove(self, bucket: str, key: str) -> None:
        """Delete an object."""
        self._path(bucket, key).unlink()

    def list(self, bucket: str, prefix: str = "") -> list[Found]:
        """The objects whose keys begin with the prefix, in the order of their keys."""
        paths = (path for path in self._folder(bucket).glob("*") if path.suffix != _PARTIAL)
        found = ((unquote(path.name), path) for path in paths)
        return [_found(key, path) for key, path in sorted(found) if key.startswith(prefix)]

    def find(self, bucket: str, key: str) -> Found | None:
        """The object, or None."""
        path = self._path(bucket, key)
        return _found(key, path) if path.is_file() else None

    def _reader_file(self, bucket: str) -> Path:
        return self.root / "readers" / f"{quote(bucket, safe='')}.json"

    def _folder(self, bucket: str) -> Path:
        return self.root / "objects" / quote(bucket, safe="")

    def _path(self, bucket: str, key: str) -> Path:
        """The file of an object. A key cannot be a path: it may be the beginning of another key, or contain dots."""
        name = quote(key, safe="")
        if not key or len(name) > _MAX_NAME_LENGTH:
            raise BucketError(f"{key!r} is empty or too long for a key here")
        return self._folder(bucket) / name


def s3_buckets(state_dir: Path) -> Buckets:
    """The buckets of S3."""
    return Buckets(state_dir / "s3")


def azure_buckets(state_dir: Path) -> Buckets:
    """The containers of Blob storage, by storage account and name."""
    return Buckets(state_dir / "azure")


def _pieces(file: BinaryIO, left: int) -> Iterator[bytes]:
    with file:
        while left > 0 and (piece := file.read(min(left, _PIECE_BYTES))):
            left -= len(piece)
            yield piece


def _reader(path: Path) -> Reader:
    return Reader(**json.loads(path.read_text(encoding="utf-8")))


def _found(key: str, path: Path) -> Found:
    facts = path.stat()
    modified_at = datetime.fromtimestamp(facts.st_mtime_ns // 10**9, UTC)
    return Found(key, path, facts.st_size, f"{facts.st_mtime_ns:x}{facts.st_ino:x}", modified_at)


def _write(path: Path, content: bytes, modified_at: datetime | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{threading.get_ident()}{_PARTIAL}")
    partial.touch(mode=0o600)
    partial.write_bytes(content)
    if modified_at:
        os.utime(partial, (modified_at.timestamp(), modified_at.timestamp()))
    partial.replace(path)
