"""Verifies Google's OIDC tokens: signature and claims, or the claims alone if Cloud Run has checked the signature."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from typing import Any

import requests
from google.auth import jwt as _untyped_jwt

from shared.errors import Unauthenticated, Unavailable

jwt: Any = _untyped_jwt  # google.auth.jwt has no annotations

_ISSUERS = frozenset({"accounts.google.com", "https://accounts.google.com"})
_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"
_CERTS_TTL_SECONDS = 3600.0
_CLOCK_SKEW_SECONDS = 10
# google.auth raises ValueErrors of its own; claims with an unexpected type or shape make it raise the others.
_NO_TOKEN = (ValueError, TypeError, AttributeError, RecursionError)


class OidcTokens:
    """Verifies tokens with Google's certificates, fetched at most once an hour and when an unknown key appears.

    `behind_iam`: Cloud Run's IAM has checked the caller before, so a token whose signature Google removed is admitted
    on its claims (https://cloud.google.com/run/docs/authenticating/service-to-service); elsewhere it is refused.
    """

    def __init__(self, certs_url: str, *, behind_iam: bool, clock: Callable[[], float] = time.time) -> None:
        self._certs_url, self._behind_iam, self._clock = certs_url, behind_iam, clock
        self._certs: dict[str, str] = {}
        self._fetched_at = 0.0

    def verified_claims(self, token: str, *, audience: str) -> dict[str, Any]:
        """The claims of a token for `audience`. It raises Unauthenticated if the token is not valid."""
        if not audience:
            raise Unauthenticated
        if token.endswith(_REMOVED):
            claims = self._claims_without_signature(token)
        else:
            claims = self._claims_with_signature(token)
        now = self._clock()
        valid = (
            isinstance(claims.get("iss"), str)
            and claims["iss"] in _ISSUERS
            and claims.get("aud") == audience
            and claims.get("email_verified") is True
            and isinstance(claims.get("email"), str)
            and isinstance(claims.get("exp"), int | float)
            and now < claims["exp"] + _CLOCK_SKEW_SECONDS
        )
        if not valid:
            raise Unauthenticated
        return claims

    def _claims_without_signature(self, token: str) -> dict[str, Any]:
        if not self._behind_iam or token.count(".") != 2:
            raise Unauthenticated
        payload = token.split(".")[1]
        try:
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (binascii.Error, ValueError, RecursionError) as error:
            raise Unauthenticated from error
        if not isinstance(claims, dict):
            raise Unauthenticated
        return claims

    def _claims_with_signature(self, token: str) -> dict[str, Any]:
        try:
            key_id = jwt.decode_header(token).get("kid")
            if not isinstance(key_id, str):
                raise Unauthenticated
            if key_id not in self._certs or self._clock() - self._fetched_at > _CERTS_TTL_SECONDS:
                self._fetch_certs()
            claims: dict[str, Any] = jwt.decode(token, certs=self._certs, clock_skew_in_seconds=_CLOCK_SKEW_SECONDS)
        except _NO_TOKEN as error:
            raise Unauthenticated from error
        return claims

    def _fetch_certs(self) -> None:
        if self._certs and self._clock() - self._fetched_at < 60:  # unknown keys must not cause many calls
            return
        try:
            response = requests.get(self._certs_url, timeout=5)
            response.raise_for_status()
            self._certs, self._fetched_at = response.json(), self._clock()
        except requests.RequestException as error:
            raise Unavailable(retry_after=5) from error
