"""Shows a tenant its costs: sums by group and period, the newest day, and whether days were restated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.adapters.stores.costs import Costs
from shared.domain.costs import CostRequest, cost_blocks
from shared.domain.requests.auth import TenantReader
from shared.domain.requests.parsing import validated
from shared.runtime.remembered import Remembered, remembered_answers

Answers = Remembered[tuple[str, CostRequest], dict[str, Any]]


def new_answers(*, seconds: float) -> Answers:
    """An empty cache of answers. Each answer is valid for `seconds`."""
    return remembered_answers(seconds=seconds, oldest_seconds=seconds)


@dataclass(frozen=True)
class ShowCosts:
    """Answers requests for costs."""

    costs: Costs
    answers: Answers

    def show(self, caller: TenantReader, query: Mapping[str, Any]) -> dict[str, Any]:
        """One block of sums for each billing currency. `query` has a CostRequest's fields as text.

        One job, or none while the answer to the same request is cached.
        """
        request = validated(CostRequest, query)
        key = (caller.tenant_id, request)
        if kept := self.answers.find(key):
            return kept[0]
        caller.charge()
        return self.answers.keep(key, self._answer(caller.tenant_id, request))

    def _answer(self, tenant_id: str, request: CostRequest) -> dict[str, Any]:
        found = self.costs.read(tenant_id, request)
        return {
            "tenant_id": tenant_id,
            "from": request.first_date,
            "to": request.last_date,
            "granularity": request.granularity,
            "group_by": request.group_by,
            "metric": request.metric,
            "currencies": cost_blocks(found["sums"], compares=request.compare is not None),
            "data_through": {row["provider"]: row["data_through"] for row in found["providers"]},
            "restated": found["restated"],
        }
