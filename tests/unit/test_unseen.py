"""A limit counts what this process is just accepting, though the queue was read before it was there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.domain.runs.limits import Usage
from shared.errors import QuotaExceeded, TooManyRequests, TooManyWaiting
from shared.runtime.unseen import Unseen

NOW = datetime(2025, 11, 17, 22, 30, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def usage(*, started: int, daily: int) -> Usage:
    return Usage(now=NOW, daily_limit=daily, concurrent_limit=1, started_today=started, queue=())


def test_of_two_at_the_same_moment_the_second_sees_the_first() -> None:
    unseen = Unseen(Clock())
    with (
        unseen.work("acme", 37, read_at=100) as first,
        unseen.work("acme", 1, read_at=100) as second,
        unseen.work("globex", 1, read_at=100) as other,
    ):
        assert (first, second, other) == (0, 37, 0)


def test_what_was_done_before_a_read_began_is_left_to_the_read() -> None:
    clock = Clock()
    unseen = Unseen(clock)
    with unseen.work("acme", 2, read_at=100):
        clock.seconds = 101
    with unseen.work("acme", 1, read_at=101) as asked_before, unseen.work("acme", 1, read_at=101.5) as asked_after:
        assert (asked_before, asked_after) == (2, 1)


def test_what_failed_was_not_done() -> None:
    unseen = Unseen(Clock())
    with pytest.raises(ValueError, match="refused"), unseen.work("acme", 2, read_at=100):
        raise ValueError("refused")
    with unseen.work("acme", 1, read_at=100) as found:
        assert found == 0


def test_what_every_read_has_seen_is_forgotten() -> None:
    clock = Clock()
    unseen = Unseen(clock)
    with unseen.work("acme", 2, read_at=100):
        pass
    clock.seconds = 500
    with unseen.work("acme", 1, read_at=0) as found:
        assert found == 0


def test_the_last_run_of_a_day_goes_to_one_and_the_other_asks_again_soon() -> None:
    usage(started=4, daily=5).check_quota(unseen=0)
    with pytest.raises(TooManyRequests) as refusal:
        usage(started=4, daily=5).check_quota(unseen=1)
    assert refusal.value.facts == {"retry_after": 5}
    with pytest.raises(QuotaExceeded):
        usage(started=5, daily=5).check_quota(unseen=1)


def test_the_last_places_of_a_queue_go_to_one() -> None:
    usage(started=0, daily=5).check_waiting(60, unseen=40)
    with pytest.raises(TooManyRequests):
        usage(started=0, daily=5).check_waiting(60, unseen=41)
    with pytest.raises(TooManyWaiting):
        usage(started=0, daily=5).check_waiting(101, unseen=0)
