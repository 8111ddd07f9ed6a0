"""Backfills that are asked for at the same moment are accepted one after the other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from shared.domain.requests.auth import PresentedKey
from shared.domain.runs.acceptance import RunRequest
from shared.errors import TooManyRequests
from shared.runtime.one_at_a_time import OneAtATime
from shared.use_cases.backfill import Backfills

BACKFILL = {"start_date": "2025-01-01", "end_date": "2025-03-31", "split": "month"}
KEY, OTHER = PresentedKey("hash", "acme"), PresentedKey("another hash", "acme")


def asked(body: dict[str, str]) -> RunRequest:
    return RunRequest(body, user_id=None)


def backfills(most: int) -> Backfills:
    return Backfills(cast(Any, None), OneAtATime(most=most, seconds=60))


def test_each_sees_what_the_one_before_has_queued() -> None:
    turns, queue, comes = backfills(most=2), list[str](), threading.Event()

    def accept() -> list[str]:
        comes.set()
        with turns.turn(KEY, asked(BACKFILL)):
            return list(queue)

    with ThreadPoolExecutor() as pool:
        with turns.turn(KEY, asked(BACKFILL)):
            second = pool.submit(accept)
            comes.wait()
            queue.append("the first backfill")
        assert second.result() == ["the first backfill"]


def test_beyond_a_few_at_once_of_one_key_they_are_told_to_come_back() -> None:
    turns = backfills(most=1)
    with turns.turn(KEY, asked(BACKFILL)):
        with pytest.raises(TooManyRequests) as refusal, turns.turn(KEY, asked(BACKFILL)):
            raise AssertionError("this one has no turn")
        assert (refusal.value.cap, refusal.value.facts) == ("requests", {"retry_after": 5})
        with turns.turn(OTHER, asked(BACKFILL)), turns.turn(KEY, asked({"date": "2025-01-01"})):
            pass
    with turns.turn(KEY, asked(BACKFILL)):
        pass


def test_nobody_waits_without_end_and_a_turn_that_failed_is_over() -> None:
    line = OneAtATime(most=2, seconds=0.01)
    with line.turn("a") as first, line.turn("a") as second:
        assert (first, second) == (True, False)
    with pytest.raises(ValueError, match="broken"), line.turn("a"):
        raise ValueError("broken")
    with line.turn("a") as again:
        assert again
