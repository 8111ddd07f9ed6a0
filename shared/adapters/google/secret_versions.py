"""Reads a secret under its aliases from Secret Manager, so that its value can be rotated without a gap."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from google.api_core import exceptions as google

from shared.adapters.google.error_table import FAILURES, SECRETS, outage_of
from shared.adapters.google.own_identity import own_credentials
from shared.adapters.google.retry_budget import RetryBudget
from shared.errors import Unavailable
from shared.runtime import log

_TTL_SECONDS = 300.0
_REFETCH_SECONDS = 60.0
_RETRY_BUDGET = RetryBudget(15.0, first_pause_seconds=0.1)


class SecretVersions:
    """The values of the secret's aliased versions, in the order of the aliases. They are cached for five minutes."""

    def __init__(
        self,
        open_client: Callable[[], Any],
        secret: str,
        aliases: Sequence[str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_client, self._secret, self._aliases, self._clock = open_client, secret, tuple(aliases), clock
        self._values: list[bytes] = []
        self._fetched_at: float | None = None

    def values(self) -> Sequence[bytes]:
        """The values. An alias without an enabled version has none."""
        if self._age() > _TTL_SECONDS:
            self._fetch()
        return self._values

    def renewed(self) -> Sequence[bytes]:
        """The values after something did not match them. They are fetched again, at most once a minute."""
        if self._age() > _REFETCH_SECONDS:
            self._fetch()
        return self._values

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _fetch(self) -> None:
        client = self._open_client()
        values = []
        for alias in self._aliases:
            try:
                name, retry = f"{self._secret}/versions/{alias}", _RETRY_BUDGET.of_service(SECRETS)
                version = client.access_secret_version(name=name, retry=retry, timeout=10)
            except (google.NotFound, google.FailedPrecondition):
                log.warning("secret alias has no enabled version", secret=self._secret, alias=alias)
                continue
            except FAILURES as error:
                outage = outage_of(error, "Secret Manager", service=SECRETS) or Unavailable(retry_after=5)
                raise outage from error
            values.append(bytes(version.payload.data))
        self._values, self._fetched_at = values, self._clock()


def open_secret_manager(endpoint: str) -> Any:
    """Secret Manager's client, imported only when a secret is needed."""
    from google.cloud import secretmanager

    options = {"api_endpoint": endpoint} if endpoint else None
    return secretmanager.SecretManagerServiceClient(credentials=own_credentials(), client_options=options)
