"""Reads a tenant's container of Azure's Blob storage, below one prefix, as an object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from operator import attrgetter
from typing import Any

from shared import errors
from shared.adapters.azure.identities import AssertIdentity, open_identity
from shared.adapters.listings import bounded
from shared.domain.credentials.credentials import AzureClientSecret, AzureFederated
from shared.domain.object_stores import StoredObject, folder, key_problem
from shared.runtime.request_time import call_seconds

_CONNECT_SECONDS, _TIMEOUT_SECONDS = 10, 30  # nothing ends a call that is under way, so a cancel waits for it
_RETRIES = 3
_CHUNK_BYTES = 4 * 1024 * 1024
_ROLE = "Storage Blob Data Reader on the container"


@dataclass(frozen=True)
class BlobContainer:
    """One container, read below `prefix`. `client` is the SDK's client of the container."""

    client: Any
    account: str
    bucket: str
    prefix: str

    @property
    def place(self) -> str:
        """The container and prefix, in the form that Azure uses for URLs."""
        return self._named(self.prefix)

    def list(self, below: str = "") -> Iterator[StoredObject]:
        """All blobs below the prefix. One call lists as many as the service returns at once."""
        with translated(self.place):
            blobs = self.client.list_blobs(name_starts_with=self.prefix + below)
            for item in bounded(blobs, attrgetter("name"), place=self.place):
                if key_problem(item.name, prefix=self.prefix) is None:
                    yield _stored(item)

    def find(self, key: str) -> StoredObject | None:
        """Look the blob up by a HEAD request."""
        self._check(key)
        try:
            with translated(self._named(key)):
                return _stored(self.client.get_blob_client(key).get_blob_properties())
        except errors.SourceRewritten:
            return None

    def open(self, found: StoredObject, *, start: int, end: int) -> BlobBody:
        """Send GET requests for some megabytes each, which Azure refuses if the blob has changed since it was found."""
        from azure.core import MatchConditions

        self._check(found.key)
        place = self._named(found.key)
        with translated(place):
            download = self.client.get_blob_client(found.key).download_blob(
                offset=start,
                length=end - start,
                etag=f'"{found.etag}"',
                match_condition=MatchConditions.IfNotModified,
                max_concurrency=1,
                decompress=False,  # the bytes as they are stored, whatever the blob's properties say of them
            )
        return BlobBody(download, place)

    def _named(self, key: str) -> str:
        return f"azure://{self.account}/{self.bucket}/{key}"

    def _check(self, key: str) -> None:
        if problem := key_problem(key, prefix=self.prefix):
            raise errors.SourceNotFound(f"{key[:200]} of {self.place} {problem}; it is not read")


@dataclass(frozen=True)
class BlobBody:
    """One download, whose bytes are fetched when they are read."""

    download: Any
    place: str

    def read(self, size: int) -> bytes:
        """The next bytes. It raises ReadBroken if the connection ended too early."""
        with translated(self.place):
            return bytes(self.download.read(size))

    def close(self) -> None:
        """Do nothing, because no connection stays open between two reads."""


def open_container(
    credential: AzureClientSecret | AzureFederated, assertion: AssertIdentity, *, endpoint: str, authority: str
) -> BlobContainer:
    """Open the credential's container. An empty endpoint means Azure's own."""
    from azure.storage.blob import ContainerClient, ExponentialRetry

    account = credential.storage_account
    client = ContainerClient(
        f"{endpoint}/{account}" if endpoint else f"https://{account}.blob.core.windows.net",
        credential.container,
        credential=open_identity(credential, assertion, authority=authority),
        connection_timeout=call_seconds(_CONNECT_SECONDS),
        read_timeout=call_seconds(_TIMEOUT_SECONDS),
        retry_policy=ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=_RETRIES),
        max_single_get_size=_CHUNK_BYTES,
        max_chunk_get_size=_CHUNK_BYTES,
    )
    return BlobContainer(client, account, credential.container, folder(credential.prefix))


def _stored(item: Any) -> StoredObject:
    # Headers have quotes around an ETag, listings do not.
    return StoredObject(item.name, item.etag.strip('"'), item.size, item.last_modified.astimezone(UTC))


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Translate Azure's errors into the product's."""
    from azure.core.exceptions import (
        AzureError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )

    try:
        yield
    except HttpResponseError as error:
        failure = _meaning(error, place)
        raise failure from error
    except (ServiceRequestError, ServiceResponseError) as error:
        raise errors.Unavailable(f"{place}: Azure did not answer") from error
    except AzureError as error:
        raise errors.StepFailed(f"{place}: {str(error)[:200]}") from error


def _meaning(error: Any, place: str) -> errors.ConvergenceError:
    status = error.status_code or getattr(error.response, "status_code", 0) or 0
    code = str(error.response.headers.get("x-ms-error-code", "")) if error.response else ""
    known: list[tuple[bool, type[errors.ConvergenceError], str]] = [
        (error.response is None, errors.ReadBroken, f"{place}: the download broke off"),  # the SDK has tried it again
        (status in (429, 503) or code == "ServerBusy", errors.SourceThrottled, f"{place}: Azure asks to slow down"),
        (status >= 500, errors.Unavailable, f"{place}: Azure answered {status}"),
        (
            status == 401 or code == "AuthenticationFailed",
            errors.CredentialsRejected,
            f"Azure refuses the application's token ({code})",
        ),
        (code == "ContainerNotFound", errors.SourceNotFound, f"{place}: there is no such container"),
        (
            code in ("BlobArchived", "BlobBeingRehydrated"),
            errors.SourceNotFound,
            f"{place} is archived; move it to an online tier, then run again",
        ),
        (
            status in (404, 412),
            errors.SourceRewritten,
            f"{place} changed or went away while the export was read",
        ),
        (
            code == "AuthorizationFailure",
            errors.SourceNotFound,
            f"{place}: the storage account's firewall refuses the platform; allow public network access to it",
        ),
        (
            status == 403,
            errors.SourceNotFound,
            f"{place} may not be read with the tenant's credentials; grant {_ROLE}",
        ),
    ]
    otherwise = errors.StepFailed, f"{place}: Azure answered {code or status}"
    kind, message = next(((kind, message) for holds, kind, message in known if holds), otherwise)
    return kind(message)
