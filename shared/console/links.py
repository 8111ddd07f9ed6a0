"""Makes links that log in. A link lasts for minutes, and an instance accepts it once."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from shared.runtime.seals import Seals
from shared.runtime.ttl_cache import TtlCache

LINK_SECONDS = 900
_MAX_USED = 10_000
_PURPOSE = "link"


@dataclass(frozen=True)
class Links:
    """Seals the hash of a key into the token of a link, and opens the token."""

    seals: Seals
    _used: TtlCache[str, bool] = field(default_factory=lambda: TtlCache(seconds=2 * LINK_SECONDS, max_values=_MAX_USED))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def token(self, api_key_hash: str, *, now: float) -> str:
        """A token for the owner of this key."""
        return self.seals.seal(_PURPOSE, {"key": api_key_hash, "at": int(now), "id": secrets.token_urlsafe(12)})

    def find(self, token: str, *, now: float) -> str | None:
        """The hash of the token's key, or None if the token is not valid or was used here before."""
        value: dict[str, Any] | None = self.seals.open(_PURPOSE, token)
        if value is None or not 0 <= now - value["at"] < LINK_SECONDS:
            return None
        with self._lock:
            if self._used.find(value["id"]):
                return None
            self._used.keep(value["id"], True)
        return str(value["key"])
