"""SeaweedFS's STS checks tokens and the trust policy of credentials/setup: who may read a bucket without a key.

It proves signature, expiry, issuer, subject and audience by code that nobody here wrote. It does not prove that AWS
fills accounts.google.com:oaud from the token's `aud`, which only AWS itself can (docs/adr/0019).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.aws.s3 import S3Bucket, open_bucket
from shared.domain.credentials.credentials import AwsAccessKey, AwsRole
from shared.domain.credentials.trust import audience_of
from shared.domain.object_stores import StoredObject
from shared.errors import CredentialsRejected, SourceNotFound, StepFailed, Unavailable
from tests.support.local_s3 import REGION
from tests.support.stores.google_issuer import GUIDE, GoogleIssuer, google_issuer
from tests.support.stores.seaweedfs import ROLE, SeaweedFS, seaweedfs

pytestmark = pytest.mark.judge
AUDIENCE = str(GUIDE.audience)
NEIGHBOUR = audience_of("AWS", deployment="convergence-prod", tenant_id="neighbour").text


@pytest.fixture(scope="module")
def issuer() -> Iterator[GoogleIssuer]:
    with google_issuer() as started:
        yield started


@pytest.fixture(scope="module")
def server(issuer: GoogleIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs"), issuer.keys_url, GUIDE) as started:
        yield started


@pytest.fixture(scope="module")
def bucket(server: SeaweedFS) -> str:
    name = f"bills-{uuid.uuid4().hex[:12]}"
    server.make_bucket(name)
    for key in ("exports/file", "private/file"):
        server.put(name, key, b"content")
    return name


def assumed(server: SeaweedFS, bucket: str, token: Callable[[], str], *, prefix: str = "exports") -> S3Bucket:
    credential = AwsRole(region=REGION, bucket=bucket, prefix=prefix, role_arn=ROLE)
    return open_bucket(credential, token, endpoint=server.endpoint, sts_endpoint=server.endpoint)


def test_the_tenants_own_token_may_read_what_the_role_may(server: SeaweedFS, bucket: str, issuer: GoogleIssuer) -> None:
    store = assumed(server, bucket, lambda: issuer.token(AUDIENCE))
    (found,) = store.list()
    assert store.open(found, start=0, end=7).read(7) == b"content"
    private = assumed(server, bucket, lambda: issuer.token(AUDIENCE), prefix="private")
    beyond = StoredObject("private/file", found.etag, found.size, found.modified_at)
    with pytest.raises(SourceNotFound, match="grant s3:GetObject on the prefix"):
        private.open(beyond, start=0, end=7)


@pytest.mark.parametrize(
    "token",
    [
        lambda issuer: issuer.token(AUDIENCE, is_forged=True),
        lambda issuer: issuer.token(NEIGHBOUR),
        lambda issuer: issuer.token("sts.amazonaws.com"),
        lambda issuer: issuer.token(AUDIENCE, sub="998877665544332211009"),
        lambda issuer: issuer.token(AUDIENCE, iss="https://accounts.google.com.example.com"),
        lambda issuer: f"{issuer.token(AUDIENCE).rpartition('.')[0]}.",
        lambda _: "no.token.",
    ],
    ids=["forged", "another tenant", "another audience", "another account", "another issuer", "unsigned", "no token"],
)
def test_any_other_token_is_refused(
    server: SeaweedFS, bucket: str, issuer: GoogleIssuer, token: Callable[..., str]
) -> None:
    with pytest.raises(CredentialsRejected, match="AWS does not let the platform assume the role"):
        list(assumed(server, bucket, lambda: token(issuer)).list())


def test_an_expired_token_is_tried_again_with_a_new_one(server: SeaweedFS, bucket: str, issuer: GoogleIssuer) -> None:
    tokens = [issuer.token(AUDIENCE), issuer.expired(AUDIENCE)]
    store = assumed(server, bucket, tokens.pop)
    with pytest.raises(Unavailable, match=r"could not check the platform's token \(ExpiredTokenException\)"):
        list(store.list())
    assert [found.key for found in store.list()] == ["exports/file"]


def test_each_renewal_of_a_session_has_a_new_token(
    server: SeaweedFS, bucket: str, issuer: GoogleIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The SDK renews a session that ends within this time. Sessions are of an hour, so each call renews it.
    monkeypatch.setattr("botocore.credentials.RefreshableCredentials._advisory_refresh_timeout", 7200)
    monkeypatch.setattr("botocore.credentials.CachedCredentialFetcher.DEFAULT_EXPIRY_WINDOW_SECONDS", 7200)
    made: list[str] = []

    def token() -> str:
        made.append(issuer.token(AUDIENCE, number=len(made)))
        return made[-1]

    store = assumed(server, bucket, token)
    (found,) = store.list()
    assert store.find(found.key) == found
    assert len(set(made)) >= 2


def test_a_role_that_does_not_exist_is_refused(server: SeaweedFS, bucket: str, issuer: GoogleIssuer) -> None:
    credential = AwsRole(region=REGION, bucket=bucket, prefix="exports", role_arn=f"{ROLE}-of-nobody")
    at = server.endpoint
    store = open_bucket(credential, lambda: issuer.token(AUDIENCE), endpoint=at, sts_endpoint=at)
    with pytest.raises(CredentialsRejected, match="AWS does not let the platform assume the role"):
        list(store.list())


def test_a_request_that_was_signed_an_hour_ago_is_refused(
    server: SeaweedFS, bucket: str, issuer: GoogleIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: long_ago.replace(tzinfo=None))
    credential = AwsAccessKey(**server.credentials(bucket, "exports")["credentials"])
    store = open_bucket(credential, str, endpoint=server.endpoint, sts_endpoint=server.endpoint)
    with pytest.raises(StepFailed, match="RequestTimeTooSkewed"):
        list(store.list())
