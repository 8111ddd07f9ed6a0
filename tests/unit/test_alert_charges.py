"""Who sets a rule pays for what the comparison reads, as for a request for costs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from shared.domain.alerts.evaluation import Known, evaluate
from shared.domain.alerts.rules import AnomalyRule, BudgetRule, Rules
from shared.domain.alerts.spending import DailySpending, MonthlySpending
from shared.domain.requests.auth import TenantReader
from shared.domain.requests.creation import CreationRequest
from shared.use_cases.tenant_alerts import TenantAlerts

NOW = datetime(2025, 11, 18, tzinfo=UTC)
BUDGET, ANOMALIES = {"amount": "100", "currency": "USD"}, {"minimum_amount": "1", "currency": "USD"}


@dataclass
class Stored:
    """A tenant whose last evaluation read these bytes."""

    bytes_read: int | None
    calls: list[str] = field(default_factory=list)

    def set_rule(self, *_: Any) -> None:
        self.calls.append("set")

    def read(self, *_: Any, **__: Any) -> dict[str, Any]:
        evaluation = {"number": 1, "details": json.dumps({"bytes_read": self.bytes_read}), "occurred_at": NOW}
        evaluations = [evaluation] if self.bytes_read is not None else []
        return {"rules": [], "evaluations": evaluations, "alerts": [], "messages": []}

    def request(self, _: str) -> None:
        self.calls.append("evaluate")


def charged(rule: str, body: dict[str, str], *, bytes_read: int | None) -> list[int | str]:
    """What setting the rule costs the caller."""
    bill: list[int | str] = []
    stored = Stored(bytes_read)
    alerts = TenantAlerts(cast(Any, stored), cast(Any, None), cast(Any, stored), cast(Any, None))
    caller = TenantReader("acme", lambda: bill.append("query"), bill.append)
    alerts.set_rule(caller, f"/api/v1/alerts/acme/{rule}", CreationRequest(body))
    assert stored.calls == ["set", "evaluate"]
    return bill


def test_a_rule_costs_what_the_last_evaluation_read() -> None:
    assert charged("budget", BUDGET, bytes_read=50 * 10**9) == ["query", 50 * 10**9]
    assert charged("anomalies", ANOMALIES, bytes_read=7) == ["query", 7]
    assert charged("budget", BUDGET, bytes_read=None) == ["query", 0]


def test_an_evaluation_says_what_it_read() -> None:
    rules = Rules(
        budget=BudgetRule(amount=Decimal(1), currency="USD"),
        budget_set_at=NOW,
        anomalies=AnomalyRule(minimum_amount=Decimal(1), currency="USD"),
    )
    found = evaluate(Known("acme", rules, 0, {}, NOW), MonthlySpending(bytes_read=3), DailySpending(bytes_read=4))
    assert found.events[0].details["bytes_read"] == 7
