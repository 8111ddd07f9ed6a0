"""One tenant's request for costs fills neither an instance's memory nor the project's daily quota of bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from shared.domain.costs import MAX_SUMS, CostRequest, cost_blocks
from shared.domain.requests.auth import TenantReader
from shared.errors import BytesLimitExceeded, InvalidInput, TooManyRequests
from shared.use_cases.tenant_costs import TenantCosts, cost_limit, new_answers

QUERY = {"from": "2025-11-01", "to": "2025-11-30"}
SUM = {
    "billing_currency": "USD", "group_rank": 1, "group_name": "a", "is_rest": False, "period": None, "cost": None,
    "previous_cost": None,
}  # fmt: skip


@dataclass
class Reader:
    """A store that returns as many sums and restated days as a test wants."""

    sums: int = 0
    restated: int = 0

    def read(self, tenant_id: str, request: CostRequest, _: object) -> tuple[dict[str, Any], int]:
        assert (tenant_id, request.days) == ("acme", 30)
        return {"sums": [SUM] * self.sums, "providers": [], "restated": [{}] * self.restated}, 2_500_000_000


class Refusing:
    """A store that would have to read too many bytes."""

    def read(self, *_: Any) -> Any:
        raise BytesLimitExceeded


def ask(store: Any, owed: list[int]) -> dict[str, Any]:
    caller = TenantReader("acme", lambda: None, owed.append)
    return TenantCosts(cast(Any, store), new_answers(seconds=0)).show(caller, QUERY)


def test_the_largest_answer_is_returned_and_its_bytes_are_charged_to_the_key() -> None:
    owed: list[int] = []
    assert ask(Reader(MAX_SUMS, MAX_SUMS), owed)["currencies"] == cost_blocks([SUM], compares=False)
    assert owed == [2_500_000_000]


@dataclass
class Slow(Reader):
    """A store that sends another request while it answers one, until a request is refused."""

    costs: TenantCosts | None = None
    refused: list[tuple[str, int]] = field(default_factory=list)

    def read(self, tenant_id: str, request: CostRequest, _: object) -> tuple[dict[str, Any], int]:
        if self.costs and tenant_id == "acme":
            caller = TenantReader("acme", lambda: None, lambda _: None)
            try:
                self.costs.show(caller, QUERY | {"top": str(request.top - 1)})
            except TooManyRequests as error:
                self.refused.append((error.cap, error.facts["retry_after"]))
        return super().read("acme", request, None)


def test_a_tenant_gets_two_answers_at_once_and_others_get_theirs() -> None:
    slow = Slow()
    slow.costs = TenantCosts(cast(Any, slow), new_answers(seconds=0), cost_limit(max_length=2, seconds=0))
    for tenant_id in ("acme", "beta", "acme"):
        slow.costs.show(TenantReader(tenant_id, lambda: None, lambda _: None), QUERY)
    assert slow.refused == [("costs", 5)] * 2


@pytest.mark.parametrize(
    ("store", "says"),
    [
        (Reader(sums=MAX_SUMS + 1), "top: makes an answer of more than"),
        (Reader(restated=MAX_SUMS + 1), "restated_since: makes an answer of more than"),
        (Refusing(), "from: asks for too much at once; ask for fewer days"),
    ],
)
def test_a_larger_answer_is_refused_and_the_message_says_what_to_change(store: Any, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        ask(store, [])
