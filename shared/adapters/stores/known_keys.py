"""Keeps the existing API keys in memory, so that guessed keys cost neither a query nor a billed byte.

The table is listed (tabledata.list), which is no query: nothing is billed for it, and it still works when the quota
for queries is used up.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from google.cloud import bigquery

from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.google.retry_budget import RetryBudget
from shared.errors import ConvergenceError, TooManyRequests, Unavailable
from shared.runtime import log
from shared.runtime.rate_limits import RateLimit

MAX_KEYS = 200_000  # about 40 MB; if there are more, a query looks up each unknown key
_COLUMNS = (
    bigquery.SchemaField("api_key_hash", "STRING", "REQUIRED"),
    bigquery.SchemaField("is_active", "BOOLEAN", "REQUIRED"),
    bigquery.SchemaField("expires_at", "TIMESTAMP"),
)
# Listing takes processor time, so an instance lists a limited number of rows at once and per second.
_ROWS_AT_ONCE, _ROWS_PER_SECOND, _MIN_ROWS = 50_000, 10_000, 500
_ALONE_AT_ONCE, _ALONE_PER_SECOND = 5, 1 / 30
# A waiting caller occupies a request slot that callers with known keys need, so no caller waits long for a listing.
_LISTING_SECONDS = 5.0  # for one request to BigQuery with its retries
_FAILURE_SECONDS = 10.0  # after a failed listing callers get its error for this long
MAX_SECONDS_WAITED = 8.0  # while another call lists the keys
_HASH = re.compile(r"[0-9a-f]{64}")
_NOT_LISTED = "API keys cannot be looked up at the moment; try again later."


@dataclass(frozen=True)
class Listing:
    """The valid keys by SHA-256, and when each expires. `asked_at` is a time of a clock that never goes back."""

    expiries: Mapping[bytes, datetime | None]
    asked_at: float
    rows: int

    @property
    def is_whole(self) -> bool:
        """Whether the listing has every valid key."""
        return self.rows <= MAX_KEYS


class KnownKeys:
    """The snapshot of one instance. It is renewed by a request when it is older than `seconds`."""

    def __init__(self, warehouse: Warehouse, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._warehouse, self._seconds, self._clock = warehouse, seconds, clock
        self._listing: Listing | None = None
        self._failed_at: float | None = None
        self._lock = threading.Lock()
        self._listings = RateLimit(at_once=_ROWS_AT_ONCE, per_second=_ROWS_PER_SECOND)
        self._alone = RateLimit(at_once=_ALONE_AT_ONCE, per_second=_ALONE_PER_SECOND)

    def has(self, api_key_hash: str) -> bool:
        """Whether the snapshot has this key and the key is valid."""
        listing = self._listing
        if listing is not None and self._clock() - listing.asked_at >= self._seconds:
            listing = self._renewed(listing)
        return listing is not None and _has(listing, bytes.fromhex(api_key_hash))

    def find(self, api_key_hash: str) -> bool:
        """Whether there is such a valid key. A listing that begins now also finds a key that was made a moment ago.

        There is no job, and nothing is billed. It raises TooManyRequests if unknown keys come faster than the table
        may be listed, Unavailable if the table cannot be listed now.
        """
        listing = self._listed_since(self._clock())
        return _has(listing, bytes.fromhex(api_key_hash)) or (
            not listing.is_whole and self._is_found_alone(api_key_hash)
        )

    def _renewed(self, listing: Listing) -> Listing:
        """A new snapshot, or the old one while another call takes a new one or BigQuery does not answer."""
        if not self._lock.acquire(blocking=False):
            return listing
        try:
            is_due = self._listing is listing and not self._failure_seconds_left()
            if is_due and not self._listings.take("", now=self._clock(), cost=_cost(listing)):
                self._listing = self._list()
        except ConvergenceError as error:
            log.warning("API keys not listed", error_class=type(error).__name__)
        finally:
            self._lock.release()
        return self._listing or listing

    def _listed_since(self, asked_at: float) -> Listing:
        """A snapshot that began after `asked_at`.

        A caller that comes while a snapshot is taken waits for the next one.
        """
        if not self._lock.acquire(timeout=MAX_SECONDS_WAITED):
            raise Unavailable(_NOT_LISTED, retry_after=math.ceil(_FAILURE_SECONDS))
        try:
            if self._listing is None or self._listing.asked_at < asked_at:
                if seconds_left := self._failure_seconds_left():
                    raise Unavailable(_NOT_LISTED, retry_after=math.ceil(seconds_left))
                _check(self._listings.take("", now=self._clock(), cost=_cost(self._listing)))
                self._listing = self._list()
            return self._listing
        finally:
            self._lock.release()

    def _failure_seconds_left(self) -> float:
        if self._failed_at is None:
            return 0
        return max(0, self._failed_at + _FAILURE_SECONDS - self._clock())

    def _list(self) -> Listing:
        try:
            listing = self._listed()
        except ConvergenceError:
            self._failed_at = self._clock()
            raise
        self._failed_at = None
        return listing

    def _listed(self) -> Listing:
        asked_at, now = self._clock(), datetime.now(UTC)
        table = bigquery.TableReference.from_string(
            f"{self._warehouse.project}.{self._warehouse.central}.tenant_api_keys"
        )
        expiries: dict[bytes, datetime | None] = {}
        rows = 0
        with translated():
            found = self._warehouse.client.list_rows(
                table,
                selected_fields=_COLUMNS,
                max_results=MAX_KEYS + 1,
                retry=RetryBudget(min(_LISTING_SECONDS, self._warehouse.retry_budget.seconds)).calls,
                timeout=_LISTING_SECONDS,
            )
            for hexadecimal, is_active, expires_at in (row.values() for row in found):
                rows += 1
                if is_active and (expires_at is None or expires_at > now) and _HASH.fullmatch(hexadecimal):
                    expiries[bytes.fromhex(hexadecimal)] = expires_at
        if rows > MAX_KEYS:
            log.error("more API keys than are known in memory: each unknown one is a query", rows=rows)
        return Listing(expiries, asked_at, rows)

    def _is_found_alone(self, api_key_hash: str) -> bool:
        _check(self._alone.take("", now=self._clock()))
        return bool(self._warehouse.read(statement("auth", "find_key"), {"api_key_hash": api_key_hash}))


def _cost(listing: Listing | None) -> int:
    return max(_MIN_ROWS, listing.rows if listing else 0)


def _has(listing: Listing, digest: bytes) -> bool:
    if digest not in listing.expiries:
        return False
    expires_at = listing.expiries[digest]
    return expires_at is None or expires_at > datetime.now(UTC)


def _check(wait_seconds: float) -> None:
    if wait_seconds:
        raise TooManyRequests(
            "Too many unknown keys are being tried; wait, then try again.",
            cap="refusals",
            retry_after=math.ceil(wait_seconds),
        )
