"""The X-Admin-Key, which may be the current or the previous version of a secret."""

from __future__ import annotations

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


def _matches(offered: bytes, keys: Sequence[bytes]) -> bool:
    # Every key is compared, over bytes: compare_digest refuses non-ASCII text and calls two empty values equal.
    matches = [hmac.compare_digest(offered, key) for key in keys if key]
    return bool(offered) and any(matches)
