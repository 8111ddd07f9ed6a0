"""Cloud Run's IAM check in front of a private function, which also removes the token's signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

from google.auth import exceptions as auth_exceptions
from google.auth import jwt

_ISSUERS = frozenset({"https://accounts.google.com", "accounts.google.com"})
_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"


class Refused(Exception):
    """The call does not reach the function. `status` and the page are those of Cloud Run."""

    def __init__(self, status: int, title: str, reason: str, challenge: str | None = None) -> None:
        super().__init__(reason)
        self.status, self.title, self.reason, self.challenge = status, title, reason, challenge

    @property
    def page(self) -> str:
        """The HTML answer."""
        heading = escape(f"Error: {self.title}")
        return (
            f'<html><head>\n<meta http-equiv="content-type" content="text/html;charset=utf-8">\n'
            f"<title>{self.status} {escape(self.title)}</title>\n</head>\n<body text=#000000 bgcolor=#ffffff>\n"
            f"<h1>{heading}</h1>\n<h2>{escape(self.reason)}</h2>\n</body></html>\n"
        )


def admit(
    authorization: str | None, *, audience: str, members: frozenset[str], certs: Callable[[], Mapping[str, str]]
) -> str:
    """Return the Authorization header for the function. It raises Refused for a caller that Cloud Run does not admit.

    The status is 403 without a token, 401 for a token that cannot be verified, and 403 for an account that is not among
    `members`.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if not token:
        raise Refused(403, "Forbidden", "Your client does not have permission to get this URL from this server.")
    claims = _verified(scheme, token.strip(), audience, certs)
    if claims.get("email") not in members or claims.get("email_verified") is not True:
        raise Refused(
            403,
            "Forbidden",
            "Your client does not have permission to get this URL from this server.",
            'Bearer error="insufficient_scope" error_description="The principal lacks run.routes.invoke"',
        )
    return f"Bearer {token.strip().rpartition('.')[0]}.{_REMOVED}"


def _verified(scheme: str, token: str, audience: str, certs: Callable[[], Mapping[str, str]]) -> Mapping[str, object]:
    try:
        if scheme.lower() != "bearer":
            raise ValueError(f"unsupported scheme {scheme}")
        decoded = jwt.decode(token, certs=certs(), audience=audience)
        issuer = decoded.get("iss")
    except (ValueError, TypeError, AttributeError, RecursionError, auth_exceptions.GoogleAuthError) as error:
        raise _unverified(str(error)) from error
    claims: Mapping[str, object] = decoded
    if not isinstance(issuer, str) or issuer not in _ISSUERS:
        raise _unverified("wrong issuer")
    return claims


def _unverified(reason: str) -> Refused:
    return Refused(
        401,
        "Unauthorized",
        "Your client does not have permission to the requested URL.",
        f'Bearer error="invalid_token" error_description="The token could not be verified: {_printable(reason)}"',
    )


def _printable(text: str) -> str:
    """The text without characters that a quoted header value must not have."""
    return "".join(character for character in text if character.isprintable() and character not in '"\\')[:200]
