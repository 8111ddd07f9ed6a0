"""Starts the Blob storages from which the tests of reading read: devcloud's own and Azurite."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import requests
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ContentSettings,
    ResourceTypes,
    generate_account_sas,
)

from devcloud.tls import Tls
from tests.support.local_blobs import ACCOUNT, LocalBlobs, local_blobs
from tests.support.stores.programs import ENVIRONMENT, running

Json = dict[str, Any]
_KEY = b64encode(b"the key of the storage account in a test").decode()
_READY = "Azurite Blob service successfully listens on "


class BlobServer(Protocol):
    """A running Blob storage. `authority` is the address of its Entra."""

    @property
    def endpoint(self) -> str:
        """The address at which it answers."""
        ...

    @property
    def certificate(self) -> Path:
        """The file that clients must trust."""
        ...

    @property
    def authority(self) -> str:
        """Where an application gets tokens."""
        ...

    @property
    def claims(self) -> Json:
        """The claims that replace the usual ones of new tokens."""
        ...

    def make_container(self) -> str:
        """Make a container and return its name."""
        ...

    def put(self, container: str, key: str, content: bytes) -> None:
        """Write a blob."""
        ...

    def put_encoded(self, container: str, key: str, content: bytes) -> None:
        """Write a blob of gzip, and say so in its properties."""
        ...

    def put_at_once(self, container: str, keys: Sequence[str]) -> None:
        """Write many empty blobs."""
        ...

    def remove(self, container: str, key: str) -> None:
        """Delete a blob."""
        ...

    def credentials(self, container: str, prefix: str, **other: Any) -> Json:
        """Return the body of POST credentials for a prefix. `other` replaces fields of it."""
        ...


@dataclass(frozen=True)
class Azurite:
    """A running Azurite. It takes the tokens of `entra`, which is devcloud's: Azurite issues none itself.

    `client` has the account's key, whose signatures Azurite checks.
    """

    endpoint: str
    certificate: Path
    entra: LocalBlobs
    client: BlobServiceClient

    @property
    def authority(self) -> str:
        return self.entra.endpoint

    @property
    def claims(self) -> Json:
        return self.entra.claims

    def make_container(self) -> str:
        name = self.entra.make_container()
        self.client.create_container(name)
        return name

    def put(self, container: str, key: str, content: bytes) -> None:
        self.client.get_blob_client(container, key).upload_blob(content, overwrite=True)

    def put_encoded(self, container: str, key: str, content: bytes) -> None:
        settings = ContentSettings(content_type="text/csv", content_encoding="gzip")
        blob = self.client.get_blob_client(container, key)
        blob.upload_blob(content, overwrite=True, content_settings=settings)

    def put_at_once(self, container: str, keys: Sequence[str]) -> None:
        """Write many empty blobs, with a shared access signature, which takes a third of the time."""
        allowed, until = AccountSasPermissions(write=True, create=True), datetime.now(UTC) + timedelta(hours=1)
        sas = generate_account_sas(ACCOUNT, _KEY, ResourceTypes(object=True), allowed, until)
        headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2024-11-04"}
        with requests.Session() as session:
            session.verify = str(self.certificate)
            for key in keys:
                at = f"{self.endpoint}/{ACCOUNT}/{container}/{quote(key)}?{sas}"
                session.put(at, headers=headers, timeout=10).raise_for_status()

    def remove(self, container: str, key: str) -> None:
        self.client.get_blob_client(container, key).delete_blob()

    def credentials(self, container: str, prefix: str, **other: Any) -> Json:
        return self.entra.credentials(container, prefix, **other)


@contextmanager
def azurite(folder: Path, entra: LocalBlobs) -> Iterator[Azurite]:
    """Start an Azurite that keeps its blobs in memory. Its certificate comes from the authority of devcloud's Entra."""
    tls = Tls(entra.certificate.parents[1])
    program = ENVIRONMENT / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    command = [str(ENVIRONMENT / "bin" / "node"), str(program), "--blobHost", "127.0.0.1", "--blobPort", "0"]
    command += ["--cert", str(tls.ca_path.with_name("server.pem")), "--key", str(tls.ca_path.with_name("server.key"))]
    command += ["--oauth", "basic", "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry", "--silent"]
    with running(command, folder, lambda said: _READY in said, AZURITE_ACCOUNTS=f"{ACCOUNT}:{_KEY}") as output:
        endpoint = output.read_text(encoding="utf-8").partition(_READY)[2].split()[0]
        key = {"account_name": ACCOUNT, "account_key": _KEY}
        at = f"{endpoint}/{ACCOUNT}"
        with BlobServiceClient(at, credential=key, connection_verify=str(tls.ca_path)) as client:
            yield Azurite(endpoint, tls.ca_path, entra, client)


@contextmanager
def blob_server(name: str, folder: Path) -> Iterator[BlobServer]:
    """Start the server of this name: devcloud or azurite."""
    with local_blobs(folder) as entra:
        if name == "devcloud":
            yield entra
            return
        with azurite(folder, entra) as started:
            yield started
