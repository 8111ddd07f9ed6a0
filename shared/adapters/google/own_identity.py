"""The identity a function runs under, asked for once a process."""

from __future__ import annotations

from functools import cache
from typing import Any

import google.auth

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


@cache
def own_credentials() -> Any:
    """What all clients of this process share: one access token, not one for each client from the metadata server."""
    credentials, _ = google.auth.default(scopes=_SCOPES)
    return credentials
