"""A Cloud Storage in memory with the parts that Terraform's gcs backend needs: objects with generations."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_LIST = re.compile(r"/(?:storage/v1/)?b/(?P<bucket>[^/]+)/o")
_OBJECT = re.compile(r"/(?:storage/v1/)?b/(?P<bucket>[^/]+)/o/(?P<name>.+)")


class Storage(ThreadingHTTPServer):
    """The objects by "bucket/name", each with its generation. A storage that `denies` refuses every caller."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, tuple[int, bytes]] = {}
        self.generation, self.lock, self.denies = 0, threading.Lock(), False

    @property
    def address(self) -> str:
        """The value of STORAGE_EMULATOR_HOST, which Google's Go client reads."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Storage

    def do_GET(self) -> None:
        path, wanted = self._asked()
        if self.server.denies:
            return self._answer(403, b"{}")
        if match := _LIST.fullmatch(path):
            return self._list(match["bucket"], wanted.get("prefix", ""))
        match = _OBJECT.fullmatch(path)
        key = f"{match['bucket']}/{unquote(match['name'])}" if match else unquote(path[1:])
        found = self.server.objects.get(key)
        if found is None:
            return self._answer(404, b"{}")
        if match and wanted.get("alt") != "media":
            return self._answer(200, json.dumps(_described(key, *found)).encode())
        return self._answer(200, found[1], **{"X-Goog-Generation": str(found[0])})

    def do_POST(self) -> None:
        path, wanted = self._asked()
        bucket = path.removeprefix("/upload").removeprefix("/storage/v1").split("/")[2]
        boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
        _, described, content, _ = self._body().split(b"--" + boundary)
        described, content = (part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in (described, content))
        key = f"{bucket}/{json.loads(described)['name']}"
        with self.server.lock:
            if not self._fits(key, wanted):
                return self._answer(412, b"{}")
            self.server.generation += 1
            self.server.objects[key] = (self.server.generation, content)
            return self._answer(200, json.dumps(_described(key, *self.server.objects[key])).encode())

    def do_DELETE(self) -> None:
        path, wanted = self._asked()
        match = _OBJECT.fullmatch(path)
        key = f"{match['bucket']}/{unquote(match['name'])}" if match else ""
        with self.server.lock:
            if not self._fits(key, wanted):
                return self._answer(412, b"{}")
            del self.server.objects[key]
        return self._answer(204, b"")

    def _body(self) -> bytes:
        """The whole body, which is sent in chunks."""
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _asked(self) -> tuple[str, dict[str, str]]:
        url = urlsplit(self.path)
        return url.path, {name: values[0] for name, values in parse_qs(url.query).items()}

    def _fits(self, key: str, wanted: dict[str, str]) -> bool:
        generation = self.server.objects.get(key, (0, b""))[0]
        return int(wanted.get("ifGenerationMatch", generation)) == generation

    def _list(self, bucket: str, prefix: str) -> None:
        names = [key for key in self.server.objects if key.startswith(f"{bucket}/{prefix}")]
        items = [_described(key, *self.server.objects[key]) for key in names]
        self._answer(200, json.dumps({"kind": "storage#objects", "items": items}).encode())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Print nothing."""


def _described(key: str, generation: int, content: bytes) -> dict[str, str]:
    bucket, _, name = key.partition("/")
    return {
        "bucket": bucket,
        "name": name,
        "generation": str(generation),
        "metageneration": "1",
        "size": str(len(content)),
    }


@contextmanager
def storage() -> Iterator[Storage]:
    """A running storage."""
    server = Storage()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
