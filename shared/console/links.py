"""Makes links that log in. A link lasts for minutes, and an instance accepts it once."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from shared.domain.requests.auth import PresentedKey
from shared.runtime.seals import Seals
from shared.runtime.ttl_cache import TtlCache

LINK_SECONDS = 900
_MAX_USED = 10_000
_PURPOSE = "link"


@dataclass(frozen=True)
class Links:
    """Seals the hash of a key and its tenant into the token of a link, and opens the token."""

    seals: Seals
    _used: TtlCache[str, bool] = field(default_factory=lambda: TtlCache(seconds=2 * LINK_SECONDS, max_values=_MAX_USED))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def token(self, key: PresentedKey, *, now: float) -> str:
        """A token for the owner of this key."""
        value = {"key": key.api_key_hash, "tenant": key.tenant_id, "at": int(now), "id": secrets.token_urlsafe(12)}
        return self.seals.seal(_PURPOSE, value)

    def find(self, token: str, *, now: float) -> PresentedKey | None:
        """The key of a token that is valid and was not used here before. It stays unused."""
        found = self._open(token, now=now)
        return PresentedKey(found["key"], found["tenant"]) if found else None

    def use(self, token: str, *, now: float) -> PresentedKey | None:
        """The same, and from now on the token is used."""
        with self._lock:
            found = self._open(token, now=now)
            if found is None:
                return None
            self._used.keep(found["id"], True)
        return PresentedKey(found["key"], found["tenant"])

    def _open(self, token: str, *, now: float) -> dict[str, Any] | None:
        value = self.seals.open(_PURPOSE, token)
        is_valid = value is not None and now - value["at"] < LINK_SECONDS and not self._used.find(value["id"])
        return value if is_valid else None
