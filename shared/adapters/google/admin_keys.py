"""The X-Admin-Key: read from Secret Manager under two aliases, so that it can be rotated without a gap."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from typing import Any

from google.api_core import exceptions as google

from shared.adapters.google.error_table import FAILURES, SECRETS, outage_of
from shared.adapters.google.own_identity import own_credentials
from shared.adapters.google.retry_budget import RetryBudget
from shared.errors import Unauthenticated, Unavailable
from shared.runtime import log

_TTL_SECONDS = 300.0
_REFETCH_SECONDS = 60.0
_RETRY_BUDGET = RetryBudget(15.0, first_pause_seconds=0.1)


class SecretAdminKeys:
    """Checks keys against the secret's aliased versions.

    They are cached for five minutes. After a mismatch they are fetched again, at most once a minute.
    """

    def __init__(
        self,
        open_client: Callable[[], Any],
        secret: str,
        aliases: Sequence[str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_client, self._secret, self._aliases, self._clock = open_client, secret, tuple(aliases), clock
        self._keys: list[bytes] = []
        self._fetched_at: float | None = None

    def check(self, header: str) -> None:
        """Raise Unauthenticated unless `header` is a current key."""
        offered = header.encode()
        if self._age() > _TTL_SECONDS:
            self._fetch()
        if self._matches(offered):
            return
        if self._age() > _REFETCH_SECONDS:
            self._fetch()
            if self._matches(offered):
                return
        raise Unauthenticated

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _matches(self, offered: bytes) -> bool:
        # Every key is compared, over bytes: compare_digest refuses non-ASCII text and calls two empty values equal.
        matches = [hmac.compare_digest(offered, key) for key in self._keys if key]
        return bool(offered) and any(matches)

    def _fetch(self) -> None:
        client = self._open_client()
        keys = []
        for alias in self._aliases:
            try:
                name, retry = f"{self._secret}/versions/{alias}", _RETRY_BUDGET.of_service(SECRETS)
                version = client.access_secret_version(name=name, retry=retry, timeout=10)
            except (google.NotFound, google.FailedPrecondition):
                log.warning("admin key alias has no enabled version", alias=alias)
                continue
            except FAILURES as error:
                outage = outage_of(error, "Secret Manager", service=SECRETS) or Unavailable(retry_after=5)
                raise outage from error
            keys.append(bytes(version.payload.data))
        self._keys, self._fetched_at = keys, self._clock()


def open_secret_manager(endpoint: str) -> Any:
    """Secret Manager's client, imported only when a key has to be compared."""
    from google.cloud import secretmanager

    options = {"api_endpoint": endpoint} if endpoint else None
    return secretmanager.SecretManagerServiceClient(credentials=own_credentials(), client_options=options)
