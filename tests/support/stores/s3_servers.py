"""Starts the S3 storages from which the tests of reading read: moto, devcloud's own and SeaweedFS."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from devcloud.objects import S3, Buckets
from tests.support.local_s3 import REGION, local_s3
from tests.support.stores.google_issuer import GUIDE, google_issuer
from tests.support.stores.seaweedfs import seaweedfs

Json = dict[str, Any]


class S3Server(Protocol):
    """A running S3."""

    @property
    def endpoint(self) -> str:
        """The address at which it answers."""
        ...

    @property
    def stranger(self) -> Json:
        """The access key of an account that may read nothing of a test."""
        ...

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        ...

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object."""
        ...

    def put_in_parts(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object as AWS writes large ones, in parts."""
        ...

    def put_encoded(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object of gzip, and say so in its headers."""
        ...

    def put_at_once(self, bucket: str, keys: Sequence[str]) -> None:
        """Write many empty objects."""
        ...

    def remove(self, bucket: str, key: str) -> None:
        """Delete an object."""
        ...

    def credentials(self, bucket: str, prefix: str, **other: str) -> Json:
        """Return the body of POST credentials for a prefix. `other` replaces fields of it."""
        ...


@dataclass(frozen=True)
class DevcloudS3:
    """devcloud's own S3."""

    service: S3
    buckets: Buckets
    readers: dict[str, Json] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return self.service.url

    @property
    def stranger(self) -> Json:
        return self._reader("another-bucket")

    def make_bucket(self, name: str) -> None:
        self.readers[name] = self._reader(name)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self.buckets.put(bucket, key, content)

    def put_in_parts(self, bucket: str, key: str, content: bytes) -> None:
        self.put(bucket, key, content)  # it knows no parts

    def put_encoded(self, bucket: str, key: str, content: bytes) -> None:
        self.put(bucket, key, content)  # it keeps no headers

    def put_at_once(self, bucket: str, keys: Sequence[str]) -> None:
        for key in keys:
            self.put(bucket, key, b"")

    def remove(self, bucket: str, key: str) -> None:
        self.buckets.remove(bucket, key)

    def credentials(self, bucket: str, prefix: str, **other: str) -> Json:
        reader = self.readers.get(bucket) or self.stranger
        return {
            "provider": "AWS",
            "credentials": {"region": REGION, "bucket": bucket, "prefix": prefix} | reader | other,
        }

    def _reader(self, bucket: str) -> Json:
        reader = self.buckets.make(bucket, f"AKIA{uuid.uuid4().hex[:16].upper()}")
        return {"access_key_id": reader.id, "secret_access_key": reader.secret}


@contextmanager
def s3_server(name: str, folder: Path) -> Iterator[S3Server]:
    """Start the server of this name: moto, devcloud or seaweedfs."""
    if name == "seaweedfs":
        with google_issuer() as issuer, seaweedfs(folder, issuer.keys_url, GUIDE) as started:
            yield started
        return
    with local_s3() if name == "moto" else devcloud_s3(folder) as ours:
        yield ours


@contextmanager
def devcloud_s3(folder: Path) -> Iterator[DevcloudS3]:
    """Start devcloud's S3, with pages of a thousand objects as AWS has them."""
    buckets = Buckets(folder / "s3")
    service = S3(buckets)
    service.start()
    try:
        yield DevcloudS3(service, buckets)
    finally:
        service.stop()
