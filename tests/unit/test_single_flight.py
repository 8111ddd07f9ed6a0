from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from devcloud.bigquery.sql.single_flight import SingleFlight

_SECONDS = 20


def test_only_one_thread_at_a_time_works_for_a_key() -> None:
    flights, inside, most = SingleFlight(), 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        for _ in range(200):
            with flights.of("key"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert (most, flights._flights) == (1, {})


def test_another_key_does_not_wait() -> None:
    flights, other = SingleFlight(), threading.Event()

    def work() -> None:
        with flights.of("other"):
            other.set()

    with flights.of("key"), ThreadPoolExecutor(1) as threads:
        threads.submit(work)
        assert other.wait(_SECONDS)


def test_failed_work_frees_its_key() -> None:
    flights = SingleFlight()
    with pytest.raises(ValueError, match="work"), flights.of("key"):
        raise ValueError("work")
    with flights.of("key"):
        assert len(flights._flights) == 1
