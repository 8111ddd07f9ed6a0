"""Makes and reads sessions. A session is a sealed cookie: it proves who logged in, and holds no key.

A visitor's session is that of a browser before the login. The login makes a new session with a new id, so an id that
somebody knew before is worth nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from shared.runtime.seals import Seals

Kind = Literal["visitor", "tenant", "operator"]
_CSRF = "csrf"


def _new_id() -> str:
    return secrets.token_urlsafe(18)


@dataclass(frozen=True)
class Session:
    """Who uses this browser. The tokens of forms are bound to `id`. `issued_at` is in seconds since 1970."""

    kind: Kind
    issued_at: int
    tenant_id: str = ""
    api_key_hash: str = ""
    admin_key_hash: str = ""
    id: str = field(default_factory=_new_id)


@dataclass(frozen=True)
class Sessions:
    """Seals sessions, and opens those that are at most `seconds` old."""

    seals: Seals
    seconds: int

    def seal(self, session: Session) -> str:
        """The value of the session's cookie."""
        return self.seals.seal(_purpose(session.kind), asdict(session))

    def find(self, kind: Kind, cookie: str | None, *, now: float) -> Session | None:
        """The session of this kind in a cookie, or None if there is none that is valid now."""
        value: dict[str, Any] | None = self.seals.open(_purpose(kind), cookie) if cookie else None
        if value is None or now - value["issued_at"] >= self.seconds:
            return None
        return Session(**value)

    def form_token(self, session: Session) -> str:
        """The token that every form of this session has."""
        return self.seals.code(_CSRF, session.id)

    def is_form_token(self, session: Session, offered: str) -> bool:
        """Whether a form was made for this session."""
        return self.seals.is_code(_CSRF, session.id, offered)


def _purpose(kind: Kind) -> str:
    return f"session of a {kind}"
