"""The X-Admin-Key, which may be the current or the previous version of a secret."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from shared.adapters.google.secret_versions import SecretVersions
from shared.errors import Unauthenticated


@dataclass(frozen=True)
class SecretAdminKeys:
    """Checks keys against the secret's versions."""

    versions: SecretVersions

    def check(self, header: str) -> None:
        """Raise Unauthenticated unless `header` is a current key."""
        offered = header.encode()
        if not _matches(offered, self.versions.values()) and not _matches(offered, self.versions.renewed()):
            raise Unauthenticated

    def newest_digest(self, offered: str) -> str:
        """The SHA-256 of the newest key, if this is it. Any other text raises Unauthenticated."""
        digest = _digest(offered.encode())
        if not offered or not self.is_newest(digest):
            raise Unauthenticated
        return digest

    def is_newest(self, digest: str) -> bool:
        """Whether this is the SHA-256 of the newest key. The memory of a key before is up to five minutes old."""
        return any(
            hmac.compare_digest(digest, _digest(key))
            for keys in (self.versions.values, self.versions.renewed)
            for key in keys()[:1]
        )


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _matches(offered: bytes, keys: Sequence[bytes]) -> bool:
    # Every key is compared, over bytes: compare_digest refuses non-ASCII text and calls two empty values equal.
    matches = [hmac.compare_digest(offered, key) for key in keys if key]
    return bool(offered) and any(matches)
