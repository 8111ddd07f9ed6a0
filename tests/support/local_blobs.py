"""Azure for tests, as far as the product uses it: Entra's token endpoint, and a Blob service that checks its tokens.

Written by hand, from Azure's reference: it lists in pages, quotes ETags in headers and not in listings, and answers
If-Match. It proves that the SDK's requests are the right ones, not that Azure is like this: Azurite is to judge that.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from devcloud.tls import Tls

Json = dict[str, Any]
TENANT, CLIENT = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-9999-000000000000"
SECRET = "a-secret-of-the-application"
SCOPE = "https://storage.azure.com/.default"
ACCOUNT = "acmecosts"
BEGIN = datetime(2026, 10, 2, tzinfo=UTC)
PAGE_SIZE = 3


@dataclass(frozen=True)
class Blob:
    """A blob's content, its ETag without quotes, and when it was written."""

    content: bytes
    etag: str
    modified_at: datetime


@dataclass
class LocalBlobs:
    """A running Azure; `certificate` is the file that clients must trust.

    `before_read` is called with a blob's name before its bytes are answered. `failures` are answered instead, each
    once: a status and Azure's error code. So many downloads as `cuts` end after half of their bytes.
    """

    certificate: Path
    endpoint: str = ""
    containers: dict[str, dict[str, Blob]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    assertions: list[str] = field(default_factory=list)
    before_read: Callable[[str], None] | None = None
    failures: list[tuple[int, str]] = field(default_factory=list)
    cuts: int = 0
    writes: int = 0

    def make_container(self) -> str:
        """A new container's name."""
        name = f"bills-{uuid.uuid4().hex[:12]}"
        self.containers[name] = {}
        return name

    def put(self, container: str, key: str, content: bytes) -> None:
        """Write a blob, a second later than the one before."""
        self.writes += 1
        etag = f"0x{hashlib.sha256(content + str(self.writes).encode()).hexdigest()[:15].upper()}"
        self.containers[container][key] = Blob(content, etag, BEGIN + timedelta(seconds=self.writes))

    def credentials(self, container: str, prefix: str, **other: Any) -> Json:
        """The body of POST credentials for a prefix; `other` fields instead of the right ones."""
        content = {"tenant_id": TENANT, "client_id": CLIENT, "storage_account": ACCOUNT, "container": container}
        content |= {"prefix": prefix, "client_secret": SECRET, **other}
        return {"provider": "AZURE", "credentials": {key: value for key, value in content.items() if value is not None}}

    def token(self, form: dict[str, str]) -> tuple[int, Json]:
        """Entra's answer to a request for a token."""
        if "client_assertion" in form:
            self.assertions.append(form["client_assertion"])
        if form.get("scope") != SCOPE or form.get("grant_type") != "client_credentials":
            return 400, {"error": "invalid_scope", "error_description": "AADSTS70011: The scope is not valid."}
        if form.get("client_id") != CLIENT:
            return 400, {"error": "unauthorized_client", "error_description": "AADSTS700016: No such application."}
        if "client_assertion" not in form and form.get("client_secret") != SECRET:
            told = "AADSTS7000215: Invalid client secret provided."
            return 401, {"error": "invalid_client", "error_description": told}
        token = uuid.uuid4().hex
        self.tokens.add(token)
        return 200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}


class _Handler(BaseHTTPRequestHandler):
    azure: LocalBlobs
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """A line a request would hide what a test has to say."""

    def do_POST(self) -> None:
        given = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path != f"/{TENANT}/oauth2/v2.0/token":
            self._refuse(404, "NotFound")
            return
        status, answer = self.azure.token({name: values[0] for name, values in parse_qs(given).items()})
        self._answer(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def do_HEAD(self) -> None:
        self._read()

    def do_GET(self) -> None:
        self._read()

    def _read(self) -> None:
        url = urlsplit(self.path)
        if url.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return self._directory()
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.azure.tokens:
            return self._refuse(401, "InvalidAuthenticationInfo")
        if self.azure.failures:
            return self._refuse(*self.azure.failures.pop(0))
        account, _, rest = unquote(url.path).removeprefix("/").partition("/")
        container, _, key = rest.partition("/")
        blobs = self.azure.containers.get(container)
        if account != ACCOUNT or blobs is None:
            return self._refuse(404, "ContainerNotFound")
        if query.get("comp") == "list":
            return self._list(blobs, query)
        if self.command == "GET" and self.azure.before_read:
            self.azure.before_read(key)
        return self._blob(blobs.get(key))

    def _directory(self) -> None:
        place = f"{self.azure.endpoint}/{TENANT}"
        told = {"issuer": f"{place}/v2.0", "authorization_endpoint": f"{place}/oauth2/v2.0/authorize"}
        told["token_endpoint"] = f"{place}/oauth2/v2.0/token"
        self._answer(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _list(self, blobs: dict[str, Blob], query: dict[str, str]) -> None:
        names = sorted(name for name in blobs if name.startswith(query.get("prefix", "")))
        names = [name for name in names if name >= query.get("marker", "")]
        found, rest = names[:PAGE_SIZE], names[PAGE_SIZE:]
        items = "".join(_item(name, blobs[name]) for name in found)
        marker = escape(rest[0]) if rest else ""
        text = f"<EnumerationResults><Blobs>{items}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        self._answer(200, f'<?xml version="1.0"?>{text}'.encode(), {"Content-Type": "application/xml"})

    def _blob(self, blob: Blob | None) -> None:
        if blob is None:
            return self._refuse(404, "BlobNotFound")
        if self.headers.get("If-Match", f'"{blob.etag}"') != f'"{blob.etag}"':
            return self._refuse(412, "ConditionNotMet")
        headers = {
            "ETag": f'"{blob.etag}"',
            "Last-Modified": format_datetime(blob.modified_at, usegmt=True),
            "Content-Type": "application/octet-stream",
            "x-ms-blob-type": "BlockBlob",
        }
        wanted = self.headers.get("x-ms-range") or self.headers.get("Range")
        if self.command == "HEAD" or not wanted:
            return self._answer(200, blob.content, headers)
        start, _, end = wanted.removeprefix("bytes=").partition("-")
        content = blob.content[int(start) : int(end) + 1]
        headers["Content-Range"] = f"bytes {start}-{int(start) + len(content) - 1}/{len(blob.content)}"
        return self._answer(206, content, headers)

    def _refuse(self, status: int, code: str) -> None:
        text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
        self._answer(status, text.encode(), {"Content-Type": "application/xml", "x-ms-error-code": code})

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if status == HTTPStatus.PARTIAL_CONTENT and self.azure.cuts:
            self.azure.cuts -= 1
            self.close_connection = True
            content = content[: len(content) // 2]
        self.wfile.write(content)


def _item(name: str, blob: Blob) -> str:
    modified_at = format_datetime(blob.modified_at, usegmt=True)
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{modified_at}</Last-Modified>"
        f"<Etag>{blob.etag}</Etag><Content-Length>{len(blob.content)}</Content-Length>"
        "<BlobType>BlockBlob</BlobType></Properties></Blob>"
    )


@contextmanager
def local_blobs(folder: Path) -> Iterator[LocalBlobs]:
    """A running Azure, by HTTPS as its SDK demands; it keeps its certificate in a folder."""
    tls = Tls(folder)
    azure = LocalBlobs(tls.ca_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"azure": azure}))
    server.socket = tls.server_context().wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    azure.endpoint = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield azure
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
