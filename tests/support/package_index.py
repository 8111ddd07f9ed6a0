"""A package index in which every distribution has a newer release."""

from __future__ import annotations

import base64
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename
from packaging.version import Version


def add_newer_releases(wheels: Path, extras: dict[str, set[str]]) -> int:
    """Add a newer, empty release of each wheel to a folder, with these extras; return the number of wheels."""
    found = sorted(wheels.glob("*.whl"))
    for wheel in found:
        name, version, _, _ = parse_wheel_filename(wheel.name)
        _write_wheel(wheels, name.replace("-", "_"), _next(version), extras.get(name, set()))
    return len(found)


@contextmanager
def serve(wheels: Path) -> Iterator[str]:
    """Serve a folder of wheels as a simple index on a port of its own; yield its address."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.strip("/").partition("/")
            if kind == "simple":
                self._send("text/html", _page(wheels, name))
            elif (wheels / name).is_file():
                self._send("application/octet-stream", (wheels / name).read_bytes())
            else:
                self.send_error(404)

        def _send(self, content_type: str, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def _page(wheels: Path, name: str) -> bytes:
    links = [
        f'<a href="/files/{wheel.name}">{wheel.name}</a>'
        for wheel in wheels.glob("*.whl")
        if parse_wheel_filename(wheel.name)[0] == name
    ]
    return f"<!DOCTYPE html><html><body>{' '.join(links)}</body></html>".encode()


def _next(version: Version) -> str:
    """The next release that a requirement like `<3,>=2.14` still allows."""
    if version.post is not None:
        return f"{version.base_version}.post{version.post + 1}"
    return f"{version.base_version}.1"


def _write_wheel(folder: Path, name: str, version: str, extras: set[str]) -> None:
    provided = "".join(f"Provides-Extra: {extra}\n" for extra in sorted(extras))
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{provided}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    info = f"{name}-{version}.dist-info"
    record = "".join(f"{info}/{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, "RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(f"{info}/{path}", text)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
