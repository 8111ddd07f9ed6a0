"""The identity that the function runs under; each process asks for it once."""

from __future__ import annotations

from functools import cache
from typing import Any

import google.auth

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


@cache
def own_credentials() -> Any:
    """The credentials that all clients of this process share, so that they use one access token."""
    credentials, _ = google.auth.default(scopes=_SCOPES)
    return credentials
