"""Reads a decrypted credential, and checks that it is the one that was stored."""

from __future__ import annotations

from shared.domain.credentials.credentials import Credential, parse_credentials
from shared.domain.credentials.sealed import SealedCredential
from shared.errors import CredentialsRejected, Unavailable


def credential_of(sealed: SealedCredential, document: bytes) -> Credential:
    """The credential in the decrypted document of `sealed`.

    It raises CredentialsRejected if the document is not such a credential. It raises Unavailable if the document is
    another credential's: the row says in clear which source was stored. A run with it would publish the costs of
    another tenant.
    """
    try:
        credential = parse_credentials(sealed.provider, sealed.credential_kind, document)
    except ValueError:
        raise CredentialsRejected("The stored credential is not valid any more; store it again.") from None
    require_source(sealed, credential.source)
    return credential


def require_source(sealed: SealedCredential, source: str | None) -> None:
    """Raise Unavailable unless this is the source that was stored.

    Rows of earlier releases do not name theirs, or have the slashes of the prefix as the tenant wrote them.
    """
    if sealed.source is not None and _plain(source) != _plain(sealed.source):
        raise Unavailable("Cloud KMS did not decrypt the credential that was stored; try again.", retry_after=5)


def _plain(source: str | None) -> str:
    return "/".join(part for part in (source or "").split("/") if part)
