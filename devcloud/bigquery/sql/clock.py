"""The clock that statements see, which a test can put back so that no midnight passes while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


class Clock:
    """The time of CURRENT_TIMESTAMP and its kin."""

    def __init__(self) -> None:
        self._behind = timedelta(0)

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC) - self._behind

    @contextmanager
    def put_back(self, by: timedelta) -> Iterator[None]:
        """Let the clock be this much behind in this block. It goes on."""
        before, self._behind = self._behind, by
        try:
            yield
        finally:
            self._behind = before
