"""The cache of shown runs is bounded in bytes, never returns outdated answers, and never mixes two kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from shared.domain.requests.auth import TenantReader
from shared.errors import NotFound
from shared.runtime.ttl_cache import TtlCache, size_in_memory
from shared.use_cases.pipeline_runs import ListRequest, PipelineRuns, new_looks


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def sized(max_size: int, clock: Clock, oldest_seconds: float | None = None) -> TtlCache[str, int]:
    return TtlCache(
        seconds=3, max_values=100, oldest_seconds=oldest_seconds, size_of=int, max_size=max_size, clock=clock
    )


def test_the_oldest_answers_are_dropped_when_all_together_are_too_large() -> None:
    kept = sized(80, Clock())
    for number in range(10):
        kept.keep(f"a{number}", 10)
    assert [name for name in (f"a{number}" for number in range(10)) if kept.find(name)] == [
        f"a{number}" for number in range(2, 10)
    ]
    kept.forget(lambda name: name != "a9")
    kept.keep("b", 10)
    assert kept.find("a9")


def test_a_large_value_is_not_kept_and_the_older_one_is_dropped() -> None:
    kept = sized(80, Clock())
    kept.keep("other", 1)
    kept.keep("a", 10)
    assert kept.keep("a", 11) == 11
    assert kept.find("a") is None
    assert kept.find("other")


def test_an_outdated_answer_is_dropped_when_another_is_kept() -> None:
    kept = sized(80, clock := Clock(), oldest_seconds=30)
    kept.keep("a", 1)
    clock.now = 15
    kept.keep("b", 1)
    clock.now = 30
    kept.keep("c", 1)
    assert [kept.find(name, within_seconds=1_000) is None for name in "abc"] == [True, False, False]


def test_the_size_of_an_answer_includes_everything_in_it() -> None:
    text = "x" * 10_000
    for answer in ({"runs": [{"name": text}]}, {text: None}, [(text,)]):
        assert 10_000 < size_in_memory(answer) < 12_000


class RunLog:
    """A tenant without runs."""

    def list_runs(self, *_: Any, **__: Any) -> list[Any]:
        return []

    def find_run(self, *_: Any) -> None:
        return None


def test_a_run_whose_id_equals_the_lists_cache_key_does_not_get_the_list() -> None:
    stand_in = cast(Any, RunLog())
    runs = PipelineRuns(stand_in, stand_in, stand_in, stand_in, new_looks(seconds=3))
    caller = TenantReader("acme", lambda: None, lambda _: None)
    assert runs.list_runs(caller, {}) == {"runs": [], "next_page_token": None}
    with pytest.raises(NotFound):
        runs.get_run(caller, str(ListRequest()))
