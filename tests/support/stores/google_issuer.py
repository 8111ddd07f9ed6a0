"""An issuer of identity tokens, in Google's form. Others check them with the keys that it publishes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from google.auth import jwt
from werkzeug.wrappers import Request, Response

from devcloud.http_server import HttpServer
from devcloud.identity import signing
from devcloud.identity.identity import ISSUER, TOKEN_SECONDS

WORKER_ID = "112233445566778899001"
_KEY_ID = "the-key"


@dataclass(frozen=True)
class GoogleIssuer:
    """Signs tokens of the platform's worker. `keys_url` has its public key; with `stranger` it signs with another."""

    keys_url: str
    signer: Any
    stranger: Any

    def token(self, audience: str, *, is_forged: bool = False, **claims: Any) -> str:
        """A token for this audience, with other claims where given."""
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": audience, "azp": WORKER_ID, "sub": WORKER_ID, "iat": now}
        signed: bytes = jwt.encode(
            self.stranger if is_forged else self.signer, usual | {"exp": now + TOKEN_SECONDS} | claims
        )
        return signed.decode()

    def expired(self, audience: str) -> str:
        """A token that was valid until an hour ago."""
        now = int(time.time())
        return self.token(audience, iat=now - 2 * TOKEN_SECONDS, exp=now - TOKEN_SECONDS)


@contextmanager
def google_issuer() -> Iterator[GoogleIssuer]:
    """A running issuer with a new key."""
    key, stranger = signing.new_key(), signing.new_key()
    numbers = key.public_key().public_numbers()
    published = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _KEY_ID}
    published |= {"n": _encoded(numbers.n), "e": _encoded(numbers.e)}

    @Request.application
    def keys(request: Request) -> Response:
        return Response(json.dumps({"keys": [published]}), content_type="application/json")

    server = HttpServer(keys, name="google")
    server.start()
    signers = [signing.signer(signing.private_pem(each), _KEY_ID) for each in (key, stranger)]
    try:
        yield GoogleIssuer(f"{server.url}/keys", *signers)
    finally:
        server.stop()


def _encoded(number: int) -> str:
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
