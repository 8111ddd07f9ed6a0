"""Limits the number of a tenant's waiting runs, because every waiting run costs the dispatcher time."""

from __future__ import annotations

from shared.errors import TooManyWaiting

_DAYS_OF_RUNS, _FEWEST = 10, 100
_LOOK_AGAIN_SECONDS = 300


def waiting_limit(daily_limit: int) -> int:
    """The number of runs of a tenant that may wait: as many as it can start in ten days, and at least 100."""
    return max(_FEWEST, _DAYS_OF_RUNS * daily_limit)


def check_waiting(*, daily_limit: int, waiting: int, more: int) -> None:
    """Check that this number of further runs may wait; TooManyWaiting otherwise."""
    if waiting + more > (limit := waiting_limit(daily_limit)):
        raise TooManyWaiting(
            f"{waiting} runs of this tenant wait, and {more} more would exceed the limit of {limit}; "
            "wait until some have ended.",
            limit=limit,
            waiting=waiting,
            retry_after=_LOOK_AGAIN_SECONDS,
        )
