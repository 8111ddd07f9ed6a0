"""Rate limits: the amount at once, the refill, and the separation of callers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.rate_limits import RateLimit


@given(
    at_once=st.integers(1, 50),
    per_second=st.floats(0.01, 20),
    moments=st.lists(st.floats(0, 3_600), min_size=1, max_size=200).map(sorted),
)
def test_no_more_is_taken_than_the_initial_amount_and_the_refill(
    at_once: int, per_second: float, moments: list[float]
) -> None:
    rate_limit = RateLimit(at_once=at_once, per_second=per_second)
    taken = [moment for moment in moments if not rate_limit.take("one", now=moment)]
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= at_once + per_second * (taken[last] - taken[first]) + 1e-6


@given(at_once=st.integers(1, 20), per_second=st.floats(0.01, 5), cost=st.floats(0.1, 40))
def test_a_caller_that_waits_for_retry_after_is_served(at_once: int, per_second: float, cost: float) -> None:
    rate_limit, now = RateLimit(at_once=at_once, per_second=per_second), 100.0
    assert rate_limit.take("one", now=now, cost=cost) == 0
    if wait := rate_limit.take("one", now=now, cost=cost):
        assert wait > 0
        assert rate_limit.take("one", now=now + wait + 1e-6, cost=cost) == 0


def test_callers_do_not_share_an_allowance_and_the_oldest_are_forgotten() -> None:
    rate_limit = RateLimit(at_once=1, per_second=0.001)
    assert [rate_limit.take(name, now=0.0) == 0 for name in ("a", "b", "a")] == [True, True, False]
    for number in range(10_000):
        rate_limit.take(f"guess-{number}", now=1.0)
    assert rate_limit.take("a", now=2.0) == 0  # a forgotten caller starts again, because the memory is bounded


def test_a_clock_that_goes_back_gives_nothing() -> None:
    rate_limit = RateLimit(at_once=1, per_second=1)
    assert rate_limit.take("a", now=10.0) == 0
    assert rate_limit.take("a", now=0.0) > 0


@given(owed=st.floats(10, 1_000), per_second=st.floats(0.01, 20))
def test_a_debt_is_paid_by_the_refill_before_anything_is_taken(owed: float, per_second: float) -> None:
    rate_limit = RateLimit(at_once=10, per_second=per_second)
    rate_limit.owe("one", now=0.0, cost=owed)
    assert rate_limit.take("another", now=0.0) == 0
    wait = rate_limit.take("one", now=0.0)
    assert wait == pytest.approx((owed - 9) / per_second)
    assert rate_limit.take("one", now=wait + 1e-3) == 0
