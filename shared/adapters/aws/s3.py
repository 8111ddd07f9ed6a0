"""Reads a tenant's S3 bucket, below one prefix, as an object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from operator import itemgetter
from typing import Any

from shared import errors
from shared.adapters.aws.sessions import WebIdentity, key_session, open_session
from shared.adapters.listings import bounded
from shared.domain.credentials.credentials import AwsAccessKey, AwsRole, FocusHmacKey
from shared.domain.object_stores import StoredObject, folder, key_problem
from shared.runtime.request_time import call_seconds

_CLOUD_STORAGE = "https://storage.googleapis.com"
_CONNECT_SECONDS, _TIMEOUT_SECONDS = 10, 30  # nothing ends a call that is under way, so a cancel waits for it
_ATTEMPTS = 3
_REJECTED = frozenset(
    {
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "TokenRefreshRequired", "InvalidToken",
        "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidSecurity",
    }
)  # fmt: skip
_THROTTLED = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "429"})
_REWRITTEN = frozenset({"PreconditionFailed", "412"})
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_GRANTS = {  # the permissions to list and to read, in the words of their cloud
    "s3": ("s3:ListBucket on the bucket", "s3:GetObject on the prefix"),
    "gs": ("storage.objects.list on the bucket", "storage.objects.get on the bucket"),
}
_TOKEN_AGAIN = frozenset({"ExpiredTokenException", "IDPCommunicationError"})  # the next attempt has a new token
_ROLE_NEEDS = {
    "InvalidIdentityToken": "delete the account's own identity provider for accounts.google.com, if it has one",
    "RegionDisabledException": "activate STS in the credential's region",
}
_DECRYPT = "kms:Decrypt"  # which AWS names in a message that has the same code as a missing right to read
_PASSING = _THROTTLED | {
    "RequestTimeTooSkewed"
}  # answers 403 that pass; after any other the tenant has to change something


@dataclass(frozen=True)
class S3Bucket:
    """One bucket, read below `prefix`. `client` is boto3's S3 client, which finds the bucket's region itself.

    With the scheme `gs` it is one of Cloud Storage, which answers the same requests.
    """

    client: Any
    bucket: str
    prefix: str
    scheme: str = "s3"

    @property
    def place(self) -> str:
        """The bucket and the prefix as a URI."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}"

    def list(self, below: str = "") -> Iterator[StoredObject]:
        """All objects below the prefix. One call lists a thousand of them."""
        pages = self.client.get_paginator("list_objects_v2")
        with translated(self.place, grant=_GRANTS[self.scheme][0]):
            listed = pages.paginate(Bucket=self.bucket, Prefix=self.prefix + below).search("Contents[]")
            for item in bounded(filter(None, listed), itemgetter("Key"), place=self.place):
                if key_problem(item["Key"], prefix=self.prefix) is None:
                    modified_at = item["LastModified"].astimezone(UTC)
                    yield StoredObject(item["Key"], item["ETag"], item["Size"], modified_at)

    def find(self, key: str) -> StoredObject | None:
        """Look the object up by a HEAD request."""
        self._check(key)
        try:
            with translated(f"{self.scheme}://{self.bucket}/{key}", grant=_GRANTS[self.scheme][1]):
                found = self.client.head_object(Bucket=self.bucket, Key=key)
        except errors.SourceRewritten:
            return None
        return StoredObject(key, found["ETag"], found["ContentLength"], found["LastModified"].astimezone(UTC))

    def open(self, found: StoredObject, *, start: int, end: int) -> S3Body:
        """Send a GET request, which S3 refuses if the object has changed since it was found."""
        self._check(found.key)
        place = f"{self.scheme}://{self.bucket}/{found.key}"
        with translated(place, grant=_GRANTS[self.scheme][1]):
            answer = self.client.get_object(
                Bucket=self.bucket, Key=found.key, IfMatch=found.etag, Range=f"bytes={start}-{end - 1}"
            )
        return S3Body(answer["Body"], place)

    def _check(self, key: str) -> None:
        if problem := key_problem(key, prefix=self.prefix):
            raise errors.SourceNotFound(f"{key[:200]} of {self.place} {problem}; it is not read")


@dataclass(frozen=True)
class S3Body:
    """The body of one GET request."""

    body: Any
    place: str

    def read(self, size: int) -> bytes:
        """The next bytes. It raises ReadBroken if the connection ended too early."""
        from botocore.exceptions import HTTPClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError
        from urllib3.exceptions import HTTPError

        broken = (HTTPClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError, HTTPError, OSError)
        try:
            return bytes(self.body.read(size))
        except broken as error:
            raise errors.ReadBroken(f"{self.place}: the download broke off") from error

    def close(self) -> None:
        """Close the connection."""
        self.body.close()


def open_bucket(
    credential: AwsAccessKey | AwsRole, web_identity: WebIdentity, *, endpoint: str, sts_endpoint: str
) -> S3Bucket:
    """Open the credential's bucket. An empty endpoint means AWS's own."""
    session = open_session(credential, web_identity, sts_endpoint=sts_endpoint)
    return S3Bucket(_client(session, endpoint), credential.bucket, folder(credential.prefix))


def open_cloud_storage(credential: FocusHmacKey, *, endpoint: str) -> S3Bucket:
    """Open a bucket of Cloud Storage by its interface for S3's clients. An empty endpoint means Google's own."""
    session = key_session(credential.hmac_access_id, credential.hmac_secret, region="auto")
    client = _client(session, endpoint or _CLOUD_STORAGE)
    client.meta.events.register("before-send.s3", _want_as_stored)
    return S3Bucket(client, credential.bucket, folder(credential.prefix), scheme="gs")


def _want_as_stored(request: Any, **_: Any) -> None:
    """Take gzip as it is stored, which Cloud Storage would unpack. It is not signed: Google changes it on its way."""
    request.headers["Accept-Encoding"] = "gzip"


def _client(session: Any, endpoint: str) -> Any:
    from botocore.config import Config

    config = Config(
        connect_timeout=call_seconds(_CONNECT_SECONDS),
        read_timeout=call_seconds(_TIMEOUT_SECONDS),
        retries={"mode": "standard", "max_attempts": _ATTEMPTS},
        signature_version="s3v4",
        s3={"addressing_style": "path"} if endpoint else {},
    )
    return session.client("s3", endpoint_url=endpoint or None, config=config)


@contextmanager
def translated(place: str, *, grant: str) -> Iterator[None]:
    """Translate S3's errors into the product's. `grant` is the permission that the message asks for."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        failure = _meaning(error, place, grant)
        raise failure from error
    except (HTTPClientError, ResponseParserError) as error:
        raise errors.Unavailable(f"{place}: {_service(place)} did not answer") from error
    except BotoCoreError as error:
        raise errors.StepFailed(f"{place}: {str(error)[:200]}") from error


def _meaning(error: Any, place: str, grant: str) -> errors.ConvergenceError:
    answer, service = error.response, _service(place)
    cloud = "AWS" if service == "S3" else "Google Cloud"
    code = str(answer.get("Error", {}).get("Code", ""))  # a proxy's answer has none
    if _DECRYPT in str(answer.get("Error", {}).get("Message", "")):
        grant = f"{_DECRYPT} on the key of the bucket"
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if error.operation_name == "AssumeRoleWithWebIdentity" and status < 500 and code not in _THROTTLED:
        return _not_assumed(code)
    known: list[tuple[bool, type[errors.ConvergenceError], str]] = [
        (code in _REJECTED, errors.CredentialsRejected, f"{cloud} refuses the access key ({code})"),
        (
            code in _REWRITTEN | _MISSING,
            errors.SourceRewritten,
            f"{place} changed or went away while the export was read",
        ),
        (code == "NoSuchBucket", errors.SourceNotFound, f"{place}: there is no such bucket"),
        (code == "InvalidObjectState", errors.SourceNotFound, f"{place} is archived; restore it, then run again"),
        (
            status == 403 and code not in _PASSING,
            errors.SourceNotFound,
            f"{place} may not be read with the tenant's credentials; grant {grant} ({code})",
        ),
        (code in _THROTTLED or status == 429, errors.SourceThrottled, f"{place}: {service} asks to slow down"),
        (status >= 500, errors.Unavailable, f"{place}: {service} answered {status}"),
    ]
    otherwise = errors.StepFailed, f"{place}: {service} answered {code or status}"
    kind, message = next(((kind, message) for holds, kind, message in known if holds), otherwise)
    return kind(message)


def _not_assumed(code: str) -> errors.ConvergenceError:
    if code in _TOKEN_AGAIN:
        return errors.Unavailable(f"AWS could not check the platform's token ({code})")
    needed = _ROLE_NEEDS.get(
        code, "its trust policy must name the platform and the tenant's audience, as credentials/setup shows it"
    )
    return errors.CredentialsRejected(f"AWS does not let the platform assume the role ({code}): {needed}")


def _service(place: str) -> str:
    return "Cloud Storage" if place.startswith("gs:") else "S3"
