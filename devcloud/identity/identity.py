"""The accounts of this cloud: creates their keys, issues their tokens and identifies callers."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.auth import exceptions as auth_exceptions
from google.auth import jwt

from devcloud.database import Database, Row
from devcloud.identity import signing
from shared.configuration.platform_config import get_platform

ADMIN_ACCOUNT = "devcloud-admin"
ISSUER = "https://accounts.google.com"
TOKEN_SECONDS = 3600

_DOMAIN = ".iam.gserviceaccount.com"
# Half the size of Google's keys. A key opens nothing but this cloud, and google-auth checks its primes at each load,
# which takes an eighth of the time at this size.
_MINTED_BITS = 1024
_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS account_key (kid TEXT PRIMARY KEY, email TEXT NOT NULL, public_pem TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS access_token (sha256 TEXT PRIMARY KEY, email TEXT NOT NULL, expires_at REAL NOT NULL);
"""


class Unauthenticated(Exception):
    """The call carries no credential, or an invalid one."""


@dataclass(frozen=True)
class Caller:
    """A service account that has proved its identity. `project` is the project in its e-mail."""

    email: str
    project: str
    is_platform: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether it is the operator of this cloud, who has all rights."""
        return self.is_platform and self.email == account_email(ADMIN_ACCOUNT, self.project)


class Identity:
    """Keys and tokens. They are kept in the state directory, so they stay valid after a restart."""

    def __init__(self, state_dir: Path, platform_project: str, *, now: Callable[[], float] = time.time) -> None:
        self._platform_project, self._now = platform_project, now
        self._database = Database(state_dir / "identity.db", _SCHEMA)
        with self._database.transaction():
            if self._setting("signing_key") is None:
                self._make_signing_key()
        self._kid, self._certificate = self._require("signing_kid"), self._require("signing_certificate")
        self._signer = signing.signer(self._require("signing_key"), self._kid)

    @property
    def token_uri(self) -> str:
        """The token endpoint that minted keys name; raises RuntimeError before the token server has ever started."""
        return self._require("token_uri")

    @token_uri.setter
    def token_uri(self, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO setting VALUES ('token_uri', ?)", value)

    @property
    def former_token_uri(self) -> str | None:
        """The token server's last address, if it has ever run."""
        return self._setting("token_uri")

    def mint_key(self, project: str, account: str) -> dict[str, str]:
        """A new service-account JSON key of {account}@{project}; only its public half is kept."""
        key, kid, email = signing.new_key(bits=_MINTED_BITS), secrets.token_hex(20), account_email(account, project)
        self._database.execute("INSERT INTO account_key VALUES (?, ?, ?)", kid, email, signing.public_pem(key))
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": kid,
            "private_key": signing.private_pem(key),
            "client_email": email,
            "client_id": unique_id(email),
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": self.token_uri,
            "universe_domain": "googleapis.com",
        }

    def caller(self, authorization: str | None) -> Caller:
        """The account of an Authorization header with an access token or a self-signed JWT; else Unauthenticated."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("Request is missing required authentication credential.")
        token = token.strip()
        email = self._email_of_access_token(token) or self._email_of_self_signed(token)
        project = project_of(email)
        return Caller(email, project, is_platform=project == self._platform_project)

    def access_token(self, email: str) -> str:
        """A new opaque access token of an account, good for an hour."""
        token = f"ya29.{secrets.token_urlsafe(48)}"
        with self._database.transaction():
            self._database.execute("DELETE FROM access_token WHERE expires_at <= ?", self._now())
            self._database.execute(
                "INSERT INTO access_token VALUES (?, ?, ?)", _digest(token), email, self._now() + TOKEN_SECONDS
            )
        return token

    def id_token(self, email: str, audience: str) -> str:
        """A signed OIDC token as Google issues it to a service account."""
        issued_at = int(self._now())
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "azp": unique_id(email),
            "sub": unique_id(email),
            "email": email,
            "email_verified": True,
            "iat": issued_at,
            "exp": issued_at + TOKEN_SECONDS,
        }
        token: bytes = jwt.encode(self._signer, claims)
        return token.decode()

    def invoker_token(self, function: str, gateway: str) -> str:
        """A token of the first invoker of a private function in configs/platform.yml."""
        platform = get_platform()
        account = platform.service_accounts[platform.functions[function].invokers[0]]
        return self.id_token(account_email(account.id, self._platform_project), f"{gateway}/{function}")

    def certs(self) -> dict[str, str]:
        """kid to PEM certificate, for the verification of OIDC tokens."""
        return {self._kid: self._certificate}

    def may_read(self, caller: Caller, project: str) -> bool:
        """Whether a caller may read a project: its own and nothing else."""
        return caller.project == project

    def account_of(self, assertion: str) -> tuple[str, Mapping[str, Any]]:
        """The account that signed a JWT with a minted key, and the claims; raises Unauthenticated if it is invalid."""
        try:
            header = jwt.decode_header(assertion)
            if header.get("alg") != "RS256":
                raise ValueError(f"unsupported algorithm {header.get('alg')}")
            key = self._key(header.get("kid"))
            claims: Mapping[str, Any] = jwt.decode(assertion, certs=key["public_pem"])
        except (ValueError, TypeError, AttributeError, RecursionError, auth_exceptions.GoogleAuthError) as error:
            raise Unauthenticated(str(error)) from error
        if claims.get("iss") != key["email"]:
            raise Unauthenticated("the issuer is not the account the key belongs to")
        return str(key["email"]), claims

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._database.close()

    def _email_of_access_token(self, token: str) -> str | None:
        row = self._database.row(
            "SELECT email FROM access_token WHERE sha256 = ? AND expires_at > ?", _digest(token), self._now()
        )
        return None if row is None else str(row["email"])

    def _email_of_self_signed(self, token: str) -> str:
        email, claims = self.account_of(token)
        # A JWT for the token server has no `sub`, and is no proof for any other service.
        if claims.get("sub") != email:
            raise Unauthenticated("iss and sub of a self-signed token must be equal")
        return email

    def _key(self, kid: object) -> Row:
        row = self._database.row("SELECT email, public_pem FROM account_key WHERE kid = ?", str(kid))
        if row is None:
            raise Unauthenticated("unknown key")
        return row

    def _make_signing_key(self) -> None:
        key = signing.new_key()
        settings = {
            "signing_key": signing.private_pem(key),
            "signing_kid": secrets.token_hex(20),
            "signing_certificate": signing.self_signed_certificate(key, "devcloud.invalid"),
        }
        for name, value in settings.items():
            self._database.execute("INSERT INTO setting VALUES (?, ?)", name, value)

    def _setting(self, name: str) -> str | None:
        row = self._database.row("SELECT value FROM setting WHERE name = ?", name)
        return None if row is None else str(row["value"])

    def _require(self, name: str) -> str:
        value = self._setting(name)
        if value is None:
            raise RuntimeError(f"identity has no {name} yet: start the token server first")
        return value


def account_email(account: str, project: str) -> str:
    """The e-mail of a service account; for a project with a domain (example.com:acme) the domain comes last."""
    domain, colon, name = project.rpartition(":")
    return f"{account}@{name}.{domain}{_DOMAIN}" if colon else f"{account}@{project}{_DOMAIN}"


def project_of(email: str) -> str:
    """The project in an account's e-mail; raises Unauthenticated if it is not the e-mail of a service account."""
    _, _, domain = email.partition("@")
    if not domain.endswith(_DOMAIN):
        raise Unauthenticated(f"{email} is not a service account")
    name, dot, owner = domain.removesuffix(_DOMAIN).partition(".")
    return f"{owner}:{name}" if dot else name


def unique_id(email: str) -> str:
    """The account's 21-digit number, always the same for an e-mail."""
    return str(10**20 + int(hashlib.sha256(email.encode()).hexdigest(), 16) % 10**19)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
