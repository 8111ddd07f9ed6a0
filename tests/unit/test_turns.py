from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from devcloud.bigquery.sql.turns import Turns

_SECONDS = 20


def test_the_same_key_is_one_threads_at_a_time() -> None:
    turns, inside, most = Turns(), 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        for _ in range(200):
            with turns.of("key"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert (most, turns._turns) == (1, {})


def test_another_key_need_not_wait() -> None:
    turns, other = Turns(), threading.Event()

    def work() -> None:
        with turns.of("other"):
            other.set()

    with turns.of("key"), ThreadPoolExecutor(1) as threads:
        threads.submit(work)
        assert other.wait(_SECONDS)


def test_a_turn_that_failed_is_over() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="work"), turns.of("key"):
        raise ValueError("work")
    with turns.of("key"):
        assert len(turns._turns) == 1
