"""Gets identity tokens of this process's own account, which prove its identity to another cloud without a key."""

from __future__ import annotations

from functools import partial
from typing import Any

from google.auth import exceptions as google_auth
from google.auth.transport.requests import Request
from google.oauth2 import id_token as _untyped_tokens

from shared.domain.credentials.trust import Audience
from shared.errors import Unavailable

tokens: Any = _untyped_tokens  # google.oauth2.id_token has no annotations
_TIMEOUT_SECONDS = 10.0


def identity_token(audience: Audience) -> str:
    """A new token for a tenant's audience, valid for an hour. It comes from the metadata server where there is one.

    A caller that assumes a role with the token needs a new one at each renewal, because an old token is refused.
    Unavailable is raised if Google does not answer.
    """
    return _token(audience.text)


def service_token(url: str) -> str:
    """A new token for another function of the platform. The audience is that function's address."""
    return _token(url)


def _token(audience: str) -> str:
    request = partial(Request(), timeout=_TIMEOUT_SECONDS)
    try:
        return str(tokens.fetch_id_token(request, audience))
    except (google_auth.TransportError, google_auth.RefreshError) as error:
        raise Unavailable(retry_after=5) from error
