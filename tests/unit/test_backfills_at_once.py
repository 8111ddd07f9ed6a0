"""Concurrent backfill requests are accepted one after the other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.domain.requests.auth import PresentedKey
from shared.domain.requests.creation import CreationRequest
from shared.domain.runs.acceptance import Standing
from shared.errors import TooManyRequests, Unauthenticated
from shared.runtime.concurrency_limit import ConcurrencyLimit
from shared.use_cases.backfill import Backfills, backfill_limit
from shared.use_cases.run_pipeline import ManualRuns, RunRequests

BACKFILL = {"start_date": "2025-01-01", "end_date": "2025-03-31", "split": "month"}
KEY, OTHER = PresentedKey("hash", "acme"), PresentedKey("another hash", "acme")


def refuse(_: PresentedKey) -> Standing:
    raise Unauthenticated


def backfills(max_length: int) -> Backfills:
    return Backfills(cast(Any, None), backfill_limit(max_length=max_length, seconds=60))


def test_each_backfill_sees_the_runs_that_the_one_before_has_queued() -> None:
    accepting, queue, comes = backfills(max_length=2), list[str](), threading.Event()

    def accept() -> list[str]:
        comes.set()
        with accepting.one_at_a_time(KEY):
            return list(queue)

    with ThreadPoolExecutor() as pool:
        with accepting.one_at_a_time(KEY):
            second = pool.submit(accept)
            comes.wait()
            queue.append("the first backfill")
        assert second.result() == ["the first backfill"]


def test_too_many_concurrent_backfills_of_one_key_get_429() -> None:
    accepting = backfills(max_length=1)
    with accepting.one_at_a_time(KEY):
        with pytest.raises(TooManyRequests) as refusal, accepting.one_at_a_time(KEY):
            raise AssertionError("this one has no place")
        assert (refusal.value.cap, refusal.value.facts) == ("requests", {"retry_after": 5})
        with accepting.one_at_a_time(OTHER):
            pass
        standings = cast(Any, SimpleNamespace(require_standing=refuse))
        requests = RunRequests(standings, ManualRuns(standings), accepting)
        with pytest.raises(TooManyRequests):
            requests.accept_or_preview(KEY, {}, CreationRequest(BACKFILL, user_id=None))
        with pytest.raises(Unauthenticated):  # a single run does not wait
            requests.accept_or_preview(KEY, {}, CreationRequest({"date": "2025-01-01"}, user_id=None))
    with accepting.one_at_a_time(KEY):
        pass


def test_waits_are_bounded_and_a_failed_request_frees_its_place() -> None:
    limit = ConcurrencyLimit("Wait.", max_length=2, seconds=0.01, retry_after=5)
    with limit.slot("a"), pytest.raises(TooManyRequests, match="Wait"), limit.slot("a"):
        raise AssertionError("the second has no slot")
    with pytest.raises(ValueError, match="broken"), limit.slot("a"):
        raise ValueError("broken")
    entered = False
    with limit.slot("a"):
        entered = True
    assert entered
