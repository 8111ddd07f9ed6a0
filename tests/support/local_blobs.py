"""devcloud's Azure for tests that plant blobs, set their times, and let single requests fail.

tests/stores shows that it is like Azurite.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from devcloud.objects import BlobService, Buckets
from devcloud.objects.blobs import DIRECTORY, refusal
from devcloud.objects.buckets import Reader
from devcloud.tls import Tls

Json = dict[str, Any]
TENANT, CLIENT = DIRECTORY, "66666666-7777-4888-9999-000000000000"
SECRET = "a-secret-of-the-application"
ACCOUNT = "acmecosts"
BEGIN = datetime(2026, 10, 2, tzinfo=UTC)


@dataclass
class LocalBlobs:
    """A running Azure; `certificate` is the file that clients must trust.

    `before_read` is called with a blob's name before its bytes are answered. `failures` are answered instead, each
    once: a status and Azure's error code. `claims` replace those of new tokens. The next `cuts` downloads end after
    half of their bytes. `certificates` check the assertions of applications; without them every assertion is believed.
    """

    certificate: Path
    buckets: Buckets
    endpoint: str = ""
    assertions: list[str] = field(default_factory=list)
    certificates: Mapping[str, str] = field(default_factory=dict)
    claims: Json = field(default_factory=dict)
    before_read: Callable[[str], None] | None = None
    failures: list[tuple[int, str]] = field(default_factory=list)
    cuts: int = 0
    encoded: set[str] = field(default_factory=set)
    writes: int = 0

    def make_container(self) -> str:
        """Make a container and return its name."""
        name = f"bills-{uuid.uuid4().hex[:12]}"
        self.buckets.make(f"{ACCOUNT}/{name}", CLIENT, SECRET)
        return name

    @property
    def authority(self) -> str:
        """Where an application gets tokens: at the same address."""
        return self.endpoint

    def put(self, container: str, key: str, content: bytes) -> None:
        """Write a blob, a second later than the one before."""
        self.writes += 1
        self.buckets.put(f"{ACCOUNT}/{container}", key, content, modified_at=BEGIN + timedelta(seconds=self.writes))

    def put_encoded(self, container: str, key: str, content: bytes) -> None:
        """Write a blob of gzip, and say so in its properties."""
        self.encoded.add(f"{ACCOUNT}/{container}/{key}")
        self.put(container, key, content)

    def put_at_once(self, container: str, keys: Sequence[str]) -> None:
        """Write many empty blobs."""
        for key in keys:
            self.put(container, key, b"")

    def remove(self, container: str, key: str) -> None:
        """Delete a blob."""
        self.buckets.remove(f"{ACCOUNT}/{container}", key)

    def credentials(self, container: str, prefix: str, **other: Any) -> Json:
        """Return the body of POST credentials for a prefix. `other` replaces fields of it."""
        content = {"tenant_id": TENANT, "client_id": CLIENT, "storage_account": ACCOUNT, "container": container}
        content |= {"prefix": prefix, "client_secret": SECRET, **other}
        return {"provider": "AZURE", "credentials": {key: value for key, value in content.items() if value is not None}}


class _FaultyBlobs(BlobService):
    """devcloud's Azure, which does what a test has planned."""

    def __init__(self, azure: LocalBlobs, tls: Tls) -> None:
        super().__init__(azure.buckets, tls, lambda: azure.certificates)
        self.azure = azure

    def claims(self, application: str) -> Json:
        return super().claims(application) | self.azure.claims

    def refusal_of(self, form: Mapping[str, str], reader: Reader) -> str | None:
        if "client_assertion" in form:
            self.azure.assertions.append(form["client_assertion"])
            if not self.azure.certificates:
                return None
        return super().refusal_of(form, reader)

    def read(self, request: Request, bucket: str, key: str) -> Response:
        if self.azure.failures:
            return refusal(*self.azure.failures.pop(0))
        if request.method == "GET" and key and self.azure.before_read:
            self.azure.before_read(key)
        answer = super().read(request, bucket, key)
        if f"{bucket}/{key}" in self.azure.encoded:
            answer.headers["Content-Encoding"] = "gzip"
        if answer.status_code == 206 and request.method == "GET" and self.azure.cuts:
            self.azure.cuts -= 1
            answer.response = _half(answer.get_data())
        return answer


def _half(content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    raise ConnectionResetError("as planned by a test")


@contextmanager
def local_blobs(folder: Path) -> Iterator[LocalBlobs]:
    """Start an Azure that keeps its certificate and its blobs in a folder."""
    tls = Tls(folder)
    azure = LocalBlobs(tls.ca_path, Buckets(folder / "azure"))
    service = _FaultyBlobs(azure, tls)
    service.start()
    azure.endpoint = service.url
    try:
        yield azure
    finally:
        service.stop()
