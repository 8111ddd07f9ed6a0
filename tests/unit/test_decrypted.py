"""A decrypted document is the stored credential, or it is refused: a run never reads another tenant's bills."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.credentials.credentials import check_credentials, serialize_credentials
from shared.domain.credentials.decrypted import credential_of
from shared.domain.credentials.sealed import SealedCredential
from shared.errors import CredentialsRejected, Unavailable


def stored(bucket: str) -> tuple[SealedCredential, bytes]:
    fields: dict[str, Any] = {
        "region": "us-east-1", "bucket": bucket, "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "x" * 40,
    }  # fmt: skip
    credential = check_credentials("AWS", fields, token_uris=frozenset(), own_project="platform")
    sealed = SealedCredential("id", "acme", "AWS", credential.kind, b"", "version", credential.source)
    return sealed, serialize_credentials(credential)


def test_the_stored_credential_is_read() -> None:
    sealed, document = stored("acme-bills")
    assert credential_of(sealed, document).source == "aws:acme-bills"
    for earlier in (None, "aws:acme-bills/", "aws:acme-bills//"):
        assert credential_of(replace(sealed, source=earlier), document).source == "aws:acme-bills"


def test_another_tenants_credential_is_an_outage() -> None:
    sealed, _ = stored("acme-bills")
    _, document = stored("beta-bills")
    with pytest.raises(Unavailable, match="did not decrypt the credential that was stored"):
        credential_of(sealed, document)


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"1", b"null", b"{}", b"\xff\xfe", b"[" * 100_000])
def test_any_other_document_is_refused_in_words(document: bytes) -> None:
    sealed, _ = stored("acme-bills")
    with pytest.raises(CredentialsRejected, match="store it again"):
        credential_of(sealed, document)
