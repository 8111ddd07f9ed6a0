"""An issuer of identity tokens, in Google's form. Others check them with the keys that it publishes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from google.auth import jwt
from werkzeug.wrappers import Request, Response

from devcloud.http_server import HttpServer
from devcloud.identity import signing
from devcloud.identity.identity import ISSUER, TOKEN_SECONDS, Identity
from shared.domain.credentials.setup_guides import Platform, setup_guide

WORKER_ID = "112233445566778899001"
GUIDE = setup_guide("AWS", "acme", Platform("convergence-prod", "worker@example.com", WORKER_ID))
_KEY_ID = "the-key"


@dataclass(frozen=True)
class GoogleIssuer:
    """Signs tokens of the platform's worker. `keys_url` has its public key; with `stranger` it signs with another."""

    keys_url: str
    signer: Any
    stranger: Any

    def token(self, audience: str, *, is_forged: bool = False, **claims: Any) -> str:
        """Return a token for this audience. `claims` replace its usual ones."""
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": audience, "azp": WORKER_ID, "sub": WORKER_ID, "iat": now}
        signed: bytes = jwt.encode(
            self.stranger if is_forged else self.signer, usual | {"exp": now + TOKEN_SECONDS} | claims
        )
        return signed.decode()

    def expired(self, audience: str) -> str:
        """Return a token that was valid until an hour ago."""
        now = int(time.time())
        return self.token(audience, iat=now - 2 * TOKEN_SECONDS, exp=now - TOKEN_SECONDS)


@contextmanager
def google_issuer() -> Iterator[GoogleIssuer]:
    """Start an issuer with a new key."""
    key, stranger = signing.new_key(), signing.new_key()
    signers = [signing.signer(signing.private_pem(each), _KEY_ID) for each in (key, stranger)]
    with published({_KEY_ID: key.public_key()}) as keys_url:
        yield GoogleIssuer(keys_url, *signers)


@contextmanager
def published_keys_of(identity: Identity) -> Iterator[str]:
    """Serve the keys of devcloud's identities in the form in which Google publishes its own; yield the address."""
    certificates = {name: x509.load_pem_x509_certificate(pem.encode()) for name, pem in identity.certs().items()}
    with published({name: certificate.public_key() for name, certificate in certificates.items()}) as keys_url:
        yield keys_url


@contextmanager
def published(public_keys: Mapping[str, Any]) -> Iterator[str]:
    """Serve RSA keys, given by their ids, as a JSON Web Key Set; yield the address."""
    usual = {"kty": "RSA", "use": "sig", "alg": "RS256"}
    numbers = {name: key.public_numbers() for name, key in public_keys.items()}
    keys = [usual | {"kid": name, "n": _encoded(key.n), "e": _encoded(key.e)} for name, key in numbers.items()]

    @Request.application
    def answer(request: Request) -> Response:
        return Response(json.dumps({"keys": keys}), content_type="application/json")

    server = HttpServer(answer, name="google")
    server.start()
    try:
        yield f"{server.url}/keys"
    finally:
        server.stop()


def _encoded(number: int) -> str:
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
