"""The warnings beside a tenant's rules: old costs, and a message that the present webhook did not take."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.alerts.rules import StoredRule
from shared.domain.alerts.standing import NO_COSTS, standing

SET_AT = datetime(2025, 11, 18, 6, tzinfo=UTC)
LATER, EARLIER = SET_AT + timedelta(minutes=1), SET_AT - timedelta(minutes=1)
BUDGET = StoredRule(rule="budget", rule_id="b", settings={"amount": "100"}, set_at=SET_AT)
WEBHOOK = StoredRule(rule="webhook", rule_id="w", settings={"url": "https://example.com/"}, set_at=SET_AT)


def evaluation(month: str | None, moment: datetime) -> dict[str, Any]:
    return {"details": json.dumps({"budget": {"month": month}}), "occurred_at": moment}


def message(attempted_at: datetime) -> dict[str, Any]:
    attempt = json.dumps({"outcome": "GIVEN_UP", "status": 500, "problem": "It broke."})
    test = {"message_id": "msg_1", "details": json.dumps({"type": "alert.test"}), "created_at": EARLIER}
    return {**test, "attempts": 1, "attempt": attempt, "attempted_at": attempted_at}


def warnings(*messages: dict[str, Any], evaluated: dict[str, Any]) -> Any:
    read = {"evaluations": [evaluated], "alerts": [], "messages": messages}
    return standing("acme", {"budget": BUDGET, "webhook": WEBHOOK}, read)["warnings"]


@pytest.mark.parametrize(
    ("evaluated", "told"),
    [
        (evaluation(None, LATER), [NO_COSTS]),
        (evaluation("2025-11", LATER), []),
        (evaluation(None, EARLIER), []),
    ],
    ids=["old costs", "new costs", "not compared since the budget was set"],
)
def test_a_budget_without_recent_costs_warns(evaluated: dict[str, Any], told: list[str]) -> None:
    assert warnings(evaluated=evaluated) == told


@pytest.mark.parametrize(
    ("attempted_at", "told"),
    [(LATER, ["The last message did not arrive. It broke."]), (EARLIER, [])],
    ids=["to this webhook", "to an earlier one"],
)
def test_a_failed_message_warns_until_the_webhook_is_set_again(attempted_at: datetime, told: list[str]) -> None:
    assert warnings(message(attempted_at), evaluated=evaluation("2025-11", LATER)) == told
