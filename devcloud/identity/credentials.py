"""A Google credentials object for a key in this process, which fetches the account's tokens directly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.oauth2 import credentials, service_account

from devcloud.identity.signing import signer

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def credentials_of(key: Mapping[str, str], *, self_signed: bool = False) -> Any:
    """A service-account JSON key of this cloud, as the official clients read it.

    The tokens come from the key's token server, or with `self_signed` from this process. google-auth's service-account
    credentials would also ask Google in the background from where the account may be used, and send their token with
    this request. This object gets its tokens from a function, so it does not ask. In other processes
    devcloud/egress.py answers the request.
    """
    account = service_account.Credentials(
        signer(key["private_key"], key["private_key_id"]),
        key["client_email"],
        key["token_uri"],
        scopes=_SCOPES,
        project_id=key["project_id"],
        always_use_jwt_access=self_signed,
    )

    def token(request: Any, scopes: Sequence[str] | None) -> tuple[Any, Any]:  # noqa: ARG001 - named by google-auth
        account.refresh(request)
        return account.token, account.expiry

    return credentials.Credentials(None, refresh_handler=token)
