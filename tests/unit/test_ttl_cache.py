"""A cache whose values are valid for seconds, with a bounded number, and whose values can be dropped."""

from __future__ import annotations

import pytest

from shared.runtime.ttl_cache import TtlCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_value_is_kept_for_its_seconds_and_has_an_age(clock: Clock) -> None:
    kept = TtlCache[str, int](seconds=3, max_values=10, clock=clock)
    assert kept.keep("a", 1) == 1
    clock.now = 2.5
    assert kept.find("a") == (1, 2.5)
    clock.now = 3.0
    assert kept.find("a") is None
    assert kept.find("a", within_seconds=4) == (1, 3.0)
    assert kept.find("a", within_seconds=3) is None


def test_with_zero_seconds_nothing_is_kept(clock: Clock) -> None:
    kept = TtlCache[str, int](seconds=0, max_values=10, clock=clock)
    kept.keep("a", 1)
    assert kept.find("a") is None


def test_the_oldest_values_are_dropped_beyond_the_limit_and_others_on_request(clock: Clock) -> None:
    kept = TtlCache[str, int](seconds=9, max_values=2, clock=clock)
    for number, name in enumerate(["a", "b", "a", "c"]):
        kept.keep(name, number)
    assert [kept.find(name) is None for name in "abc"] == [False, True, False]
    kept.forget(lambda name: name == "a")
    assert [kept.find(name) is None for name in "abc"] == [True, True, False]
