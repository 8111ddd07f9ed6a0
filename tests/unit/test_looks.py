"""A key that has used up its queries gets the last answer, and is refused only if there is none."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, cast

import pytest

from shared.domain.requests.auth import TenantReader
from shared.errors import TooManyRequests
from shared.use_cases.pipeline_runs import PipelineRuns, new_looks


@dataclass
class World:
    """A clock, the number of queries that a tenant has left, and a run log that counts its reads."""

    now: float = 0.0
    left: int = 1
    reads: int = 0

    def find_run(self, *_: Any) -> dict[str, Any]:
        self.reads += 1
        return defaultdict(lambda: None, status="RUNNING")

    def get_details(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"steps": [], "read": self.reads}

    def charge_query(self) -> None:
        if not self.left:
            raise TooManyRequests("too much", cap="queries", retry_after=5)
        self.left -= 1

    @property
    def tenant_id(self) -> str:
        return "acme"


def test_beyond_its_limit_a_key_gets_the_last_answer_for_half_a_minute() -> None:
    world = World()
    looks = new_looks(seconds=3, clock=lambda: world.now)
    stand_in = cast(Any, world)
    runs, caller = PipelineRuns(stand_in, stand_in, stand_in, stand_in, looks), cast(TenantReader, world)

    def look(at: float, run_id: str = "run") -> int:
        world.now = at
        return int(runs.get_run(caller, run_id)["read"])

    assert look(0.0) == 1
    assert [look(moment) for moment in (2.9, 3.0, 29.9)] == [1, 1, 1]
    with pytest.raises(TooManyRequests):
        look(29.9, "another")
    with pytest.raises(TooManyRequests):
        look(30.0)
    world.left = 1
    assert look(30.0) == 2
