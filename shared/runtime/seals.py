"""Seals small values that a browser keeps: nobody can read, change or make one without the platform's secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.fernet import Fernet, InvalidToken

from shared.errors import Unavailable

_FEWEST_BYTES = 32


class Secrets(Protocol):
    """The versions of a secret, the current one first."""

    def values(self) -> Sequence[bytes]:
        """The versions, which may be some minutes old."""

    def renewed(self) -> Sequence[bytes]:
        """The versions, read again because something matched none of the known ones."""


@dataclass(frozen=True)
class Seals:
    """Makes and opens seals with keys that are derived from the secret, one for each purpose.

    A seal of an older version of the secret is valid as long as the secret has this version.
    """

    secrets: Secrets

    def seal(self, purpose: str, value: Mapping[str, Any]) -> str:
        """The value, encrypted and signed, in characters that cookies and URLs take."""
        return Fernet(self._current(purpose)).encrypt(json.dumps(value).encode()).decode()

    def open(self, purpose: str, sealed: str) -> dict[str, Any] | None:
        """The sealed value, or None for any text that is no seal of this purpose."""
        for key in self._all(purpose):
            try:
                value: dict[str, Any] = json.loads(Fernet(key).decrypt(sealed.encode()))
            except InvalidToken:
                continue
            return value
        return None

    def code(self, purpose: str, text: str) -> str:
        """A code that proves that the platform has seen this text."""
        return _code(self._current(purpose), text)

    def is_code(self, purpose: str, text: str, offered: str) -> bool:
        """Whether this is the code of the text."""
        return any(
            hmac.compare_digest(_code(key, text).encode(), offered.encode(errors="replace"))
            for key in self._all(purpose)
        )

    def _current(self, purpose: str) -> bytes:
        for key in _derived(self.secrets.values(), purpose):
            return key
        for key in _derived(self.secrets.renewed(), purpose):
            return key
        raise Unavailable("The console has no key yet; the operator must make one.", retry_after=60)

    def _all(self, purpose: str) -> Iterator[bytes]:
        known = list(_derived(self.secrets.values(), purpose))
        yield from known
        yield from (key for key in _derived(self.secrets.renewed(), purpose) if key not in known)


def _derived(values: Sequence[bytes], purpose: str) -> Iterator[bytes]:
    for value in values:
        if len(value) >= _FEWEST_BYTES:
            digest = hmac.digest(value, f"convergence console {purpose}".encode(), hashlib.sha256)
            yield base64.urlsafe_b64encode(digest)


def _code(key: bytes, text: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode().rstrip("=")
