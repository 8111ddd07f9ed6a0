"""Uploads of load jobs, multipart in one request or resumable in chunks. Both are written to disk as they arrive."""

from __future__ import annotations

import re
import shutil
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from werkzeug.http import parse_options_header
from werkzeug.wrappers import Response

from devcloud.bigquery import access
from devcloud.bigquery.model import BigQueryError, Json, not_found, not_implemented
from devcloud.bigquery.rest.app import Call, Routes, parse_body
from devcloud.bigquery.rest.jobs import Jobs

_PATH = "/upload/bigquery/v2/projects/<project>/jobs"
_RANGE = re.compile(r"bytes (?:(?P<first>\d+)-(?P<last>\d+)|\*)/(?P<total>\d+|\*)")
_CHUNK = 1 << 20
_KEPT_SECONDS = 7 * 24 * 3600


@dataclass
class _Upload:
    """A resumable upload and the file with its bytes so far. `answer` is kept for a repeated last chunk."""

    email: str
    body: Json
    file: Path
    started: float = field(default_factory=time.monotonic)
    received: int = 0
    answer: Json | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Uploads:
    """The handlers of the upload URLs."""

    def __init__(self, jobs: Jobs, folder: Path) -> None:
        self._jobs, self._folder = jobs, folder
        shutil.rmtree(folder, ignore_errors=True)  # uploads do not survive their process
        folder.mkdir(parents=True)
        self._uploads: dict[str, _Upload] = {}
        self.routes = Routes()
        self.routes.add("POST", _PATH, self._post)
        self.routes.add("PUT", _PATH, self._put)

    def _post(self, call: Call) -> Json | Response:
        access.check_project(call.caller, call.project, "bigquery.jobs.create")
        kind = call.argument("uploadType")
        if kind == "multipart":
            return self._multipart(call)
        if kind == "resumable":
            return self._begin(call)
        raise not_implemented(f"uploadType {kind}")

    def _multipart(self, call: Call) -> Json:
        _, options = parse_options_header(call.request.headers.get("Content-Type"))
        boundary = options.get("boundary", "")
        spooled, file = self._new_file(), self._new_file()
        try:
            with spooled.open("wb") as target:
                shutil.copyfileobj(call.request.stream, target, _CHUNK)
            body = _split(spooled, f"--{boundary}".encode(), file)
        finally:
            spooled.unlink(missing_ok=True)
        return self._insert(call, body, file)

    def _begin(self, call: Call) -> Response:
        upload_id = uuid.uuid4().hex
        self._forget_old()
        upload = _Upload(call.caller.email, call.body(), self._new_file())
        upload.file.touch()
        self._uploads[upload_id] = upload
        url = f"{call.request.base_url}?uploadType=resumable&upload_id={upload_id}"
        return Response(status=200, headers={"Location": url, "X-GUploader-UploadID": upload_id})

    def _put(self, call: Call) -> Json | Response:
        upload = self._uploads.get(call.argument("upload_id") or "")
        if upload is None or upload.email != call.caller.email:
            raise not_found("the upload: start it again")
        with upload.lock:
            return self._receive(call, upload)

    def _receive(self, call: Call, upload: _Upload) -> Json | Response:
        if upload.answer is not None:
            return upload.answer
        first, total = _range(call)
        if first is not None:
            if first > upload.received:
                what = f"Expected bytes from {upload.received}, got from {first}"
                raise BigQueryError("invalid", what)
            with upload.file.open("r+b") as target:
                target.seek(first)
                shutil.copyfileobj(call.request.stream, target, _CHUNK)
                upload.received = target.tell()
                target.truncate()
        if total is None or upload.received < total:
            headers = {"Range": f"bytes=0-{upload.received - 1}"} if upload.received else {}
            return Response(status=308, headers=headers)
        upload.answer = self._insert(call, upload.body, upload.file)
        return upload.answer

    def _insert(self, call: Call, body: Json, file: Path) -> Json:
        try:
            return self._jobs.insert(call.caller, call.project, body, file)
        except BigQueryError:
            file.unlink(missing_ok=True)
            raise

    def _new_file(self) -> Path:
        return self._folder / uuid.uuid4().hex

    def _forget_old(self) -> None:
        oldest = time.monotonic() - _KEPT_SECONDS
        for upload_id, upload in list(self._uploads.items()):
            if upload.started < oldest or (upload.answer is not None and len(self._uploads) > 1000):
                del self._uploads[upload_id]
                upload.file.unlink(missing_ok=True)


def _range(call: Call) -> tuple[int | None, int | None]:
    """The number of the first byte sent (None if the client only asks for the state) and the total, if known."""
    header = call.request.headers.get("Content-Range")
    if header is None:
        return 0, call.request.content_length or 0
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        raise BigQueryError("invalid", f"Invalid Content-Range: {header}")
    first = None if match["first"] is None else int(match["first"])
    return first, None if match["total"] == "*" else int(match["total"])


def _split(spooled: Path, delimiter: bytes, file: Path) -> Json:
    """Write the media part of a multipart/related body to `file` and return the metadata part."""
    with spooled.open("rb") as source:
        _expect(source.readline().rstrip(b"\r\n") == delimiter)
        _skip_headers(source)
        metadata = b""
        while (line := source.readline()).rstrip(b"\r\n") != delimiter:
            _expect(bool(line))
            metadata += line
        _skip_headers(source)
        start = source.tell()
        source.seek(0, 2)
        tail_start = max(start, source.tell() - len(delimiter) - 16)
        source.seek(tail_start)
        end = tail_start + source.read().rfind(b"\r\n" + delimiter + b"--")
        _expect(end >= start)
        source.seek(start)
        with file.open("wb") as target:
            _copy(source, target, end - start)
    return parse_body(metadata)


def _skip_headers(source: IO[bytes]) -> None:
    while (line := source.readline()).strip():
        pass
    _expect(bool(line))


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    while size > 0:
        chunk = source.read(min(size, _CHUNK))
        target.write(chunk)
        size -= len(chunk)


def _expect(holds: bool) -> None:
    if not holds:
        raise BigQueryError("badContent", "Malformed multipart body.")
