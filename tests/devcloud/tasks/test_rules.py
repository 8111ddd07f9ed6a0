"""The computation of retries and rates."""

from __future__ import annotations

import pytest

from devcloud.delivery import RetryRule
from devcloud.tasks.rates import TokenBucket


def rule(max_attempts: int | None = None, max_age_seconds: float = 0) -> RetryRule:
    return RetryRule(max_attempts, max_age_seconds, 10, 300, 3)


def test_intervals_double_then_grow_linearly_then_stay_constant() -> None:
    intervals = [rule().delay_seconds(attempt, 0) for attempt in range(1, 9)]

    assert intervals == [10, 20, 40, 80, 160, 240, 300, 300]  # the example of Google's documentation


@pytest.mark.parametrize(
    ("rule", "attempts", "age", "gives_up"),
    [
        (rule(max_attempts=3), 2, 9999, False),
        (rule(max_attempts=3), 3, 0, True),
        (rule(max_age_seconds=60), 99, 59, False),
        (rule(max_age_seconds=60), 1, 60, True),
        (rule(max_attempts=3, max_age_seconds=60), 3, 59, False),
        (rule(max_attempts=3, max_age_seconds=60), 2, 60, False),
        (rule(max_attempts=3, max_age_seconds=60), 3, 60, True),
        (rule(), 10**6, 10**9, False),
    ],
)
def test_a_task_is_given_up_when_every_limit_is_reached(
    rule: RetryRule, attempts: int, age: float, gives_up: bool
) -> None:
    assert (rule.delay_seconds(attempts, age) is None) is gives_up


def test_a_token_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=2, burst=10, now=0)
    assert bucket.available(0) == 10
    bucket.take(10)

    assert bucket.next_at(0) == 0.5
    assert [bucket.available(at) for at in (0.4, 0.5, 2)] == [0, 1, 4]


def test_a_full_bucket_does_not_overflow() -> None:
    assert TokenBucket(rate=2, burst=10, now=0).available(1000) == 10
