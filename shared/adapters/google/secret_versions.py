"""Reads a secret under its aliases from Secret Manager, so that its value can be rotated without a gap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import google_crc32c
from google.api_core import exceptions as google

from shared.adapters.google.error_table import FAILURES, SECRETS, outage_of
from shared.adapters.google.own_identity import own_credentials
from shared.adapters.google.retry_budget import RetryBudget
from shared.errors import ConvergenceError, Unavailable
from shared.runtime import log

_TTL_SECONDS = 300.0
_REFETCH_SECONDS = 60.0
_OUTAGE_SECONDS = 5.0
_RETRY_BUDGET = RetryBudget(15.0, first_pause_seconds=0.1)


class SecretVersions:
    """The values of the secret's aliased versions, in the order of the aliases. They are cached for five minutes.

    One request fetches them at a time, and a failure is the answer to all requests of the next seconds. So nobody can
    keep a function busy with wrong keys while Secret Manager does not answer.
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
        self._values: list[bytes] = []
        self._fetched_at: float | None = None
        self._failed: tuple[float, ConvergenceError] | None = None
        self._fetching = threading.Lock()

    def values(self) -> Sequence[bytes]:
        """The values. An alias without an enabled version has none."""
        self._fetch_if_older(_TTL_SECONDS)
        return self._values

    def renewed(self) -> Sequence[bytes]:
        """The values after something did not match them. They are fetched again, at most once a minute."""
        self._fetch_if_older(_REFETCH_SECONDS)
        return self._values

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _fetch_if_older(self, seconds: float) -> None:
        if self._age() <= seconds:  # nobody who has fresh enough values waits for a request that fetches them
            return
        with self._fetching:
            if self._age() <= seconds:
                return
            if self._failed and self._clock() - self._failed[0] <= _OUTAGE_SECONDS:
                raise self._failed[1].with_traceback(None)
            try:
                self._values = self._fetch()
            except ConvergenceError as error:
                self._failed = self._clock(), error
                raise
            self._fetched_at = self._clock()

    def _fetch(self) -> list[bytes]:
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
            values.append(_intact(version.payload))
        return values


def _intact(payload: Any) -> bytes:
    """The value. A part of a key, or other bytes, must not become one. It raises Unavailable if it was damaged."""
    value = bytes(payload.data)
    if not value or ("data_crc32c" in payload and int(google_crc32c.value(value)) != payload.data_crc32c):
        raise Unavailable("The data was damaged on the way from Secret Manager; try again.", retry_after=1)
    return value


def open_secret_manager(endpoint: str) -> Any:
    """Secret Manager's client, imported only when a secret is needed."""
    from google.cloud import secretmanager

    options = {"api_endpoint": endpoint} if endpoint else None
    return secretmanager.SecretManagerServiceClient(credentials=own_credentials(), client_options=options)
