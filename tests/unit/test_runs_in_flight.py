"""A limit also counts the runs that this process is accepting and that a read of the queue did not show yet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.domain.runs.limits import Usage
from shared.errors import QuotaExceeded, TooManyRequests, TooManyWaiting
from shared.runtime.in_flight import InFlight

NOW = datetime(2025, 11, 17, 22, 30, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def usage(*, started: int, daily: int) -> Usage:
    return Usage(now=NOW, daily_limit=daily, concurrent_limit=1, started_today=started, queue=())


def test_the_second_of_two_concurrent_requests_sees_the_first() -> None:
    in_flight = InFlight(Clock())
    with (
        in_flight.work("acme", 37, read_at=100) as first,
        in_flight.work("acme", 1, read_at=100) as second,
        in_flight.work("globex", 1, read_at=100) as other,
    ):
        assert (first, second, other) == (0, 37, 0)


def test_work_that_ended_before_a_read_began_is_counted_by_the_read_alone() -> None:
    clock = Clock()
    in_flight = InFlight(clock)
    with in_flight.work("acme", 2, read_at=100):
        clock.seconds = 101
    with (
        in_flight.work("acme", 1, read_at=101) as asked_before,
        in_flight.work("acme", 1, read_at=101.5) as asked_after,
    ):
        assert (asked_before, asked_after) == (2, 1)


def test_failed_work_does_not_count() -> None:
    in_flight = InFlight(Clock())
    with pytest.raises(ValueError, match="refused"), in_flight.work("acme", 2, read_at=100):
        raise ValueError("refused")
    with in_flight.work("acme", 1, read_at=100) as found:
        assert found == 0


def test_work_that_every_read_has_seen_is_forgotten() -> None:
    clock = Clock()
    in_flight = InFlight(clock)
    with in_flight.work("acme", 2, read_at=100):
        pass
    clock.seconds = 500
    with in_flight.work("acme", 1, read_at=0) as found:
        assert found == 0


def test_one_request_gets_the_last_run_of_a_day_and_the_other_a_short_retry_after() -> None:
    usage(started=4, daily=5).check_daily_limit(in_flight=0)
    with pytest.raises(TooManyRequests) as refusal:
        usage(started=4, daily=5).check_daily_limit(in_flight=1)
    assert refusal.value.facts == {"retry_after": 5}
    with pytest.raises(QuotaExceeded):
        usage(started=5, daily=5).check_daily_limit(in_flight=1)


def test_one_request_gets_the_last_places_of_a_queue() -> None:
    usage(started=0, daily=5).check_waiting_limit(60, in_flight=40)
    with pytest.raises(TooManyRequests):
        usage(started=0, daily=5).check_waiting_limit(60, in_flight=41)
    with pytest.raises(TooManyWaiting):
        usage(started=0, daily=5).check_waiting_limit(101, in_flight=0)
