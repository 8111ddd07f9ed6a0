"""Checks the signature of a request to AWS: Signature Version 4, as AWS's reference describes it."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from werkzeug.wrappers import Request

_HEADER = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})")


@dataclass(frozen=True)
class Signature:
    """The content of an Authorization header."""

    access_key_id: str
    scope: str
    signed_headers: str
    given: str

    @property
    def region(self) -> str:
        """The region that it was made for."""
        return self.scope.split("/")[1] if "/" in self.scope else ""

    def is_of(self, request: Request, secret: str) -> bool:
        """Whether the owner of the secret signed this request."""
        to_sign = "\n".join(
            ("AWS4-HMAC-SHA256", request.headers.get("X-Amz-Date", ""), self.scope, _digest(self._canonical(request)))
        )
        key = f"AWS4{secret}".encode()
        for part in self.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), self.given)

    def _canonical(self, request: Request) -> str:
        names = self.signed_headers.split(";")
        path, _, query = request.environ["REQUEST_URI"].partition("?")
        pairs = sorted(_encoded(pair) for pair in query.split("&") if pair)
        headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
        payload = request.headers.get("X-Amz-Content-SHA256", "")
        return "\n".join((request.method, path, "&".join(pairs), headers, self.signed_headers, payload))


def signature_of(request: Request) -> Signature | None:
    """The request's signature; None if it has none of this version."""
    match = _HEADER.fullmatch(request.headers.get("Authorization", ""))
    return Signature(*match.groups()) if match else None


def _encoded(pair: str) -> str:
    name, _, value = pair.partition("=")
    return "=".join(quote(unquote(part), safe="-_.~") for part in (name, value))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
