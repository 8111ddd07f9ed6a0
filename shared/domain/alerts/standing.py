"""Shows a tenant's rules, what the last look at its costs found, and its alerts with their deliveries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.alerts.rules import StoredRule
from shared.domain.alerts.sending import TEST_TYPE
from shared.domain.requests.parsing import IN_DIGITS

Row = Mapping[str, Any]
SHOWN_TESTS = 3
_STATES = {"DELIVERED": "DELIVERED", "FAILED": "RETRYING", "GIVEN_UP": "FAILED"}
NOBODY_TOLD = "There are rules and no webhook, so nobody is told of alerts; set a webhook."
NO_RULES = "There is a webhook and no rule, so nothing alerts; set a budget or anomalies."
NO_COSTS = "There are no costs of the last 35 days to compare the budget with."
NO_ATTEMPT = {"attempts": 0, "last_attempt_at": None, "status": None, "problem": None}


class AlertsRequest(BaseModel):
    """The query string of a request for alerts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=200), IN_DIGITS] = 50


def standing(tenant_id: str, rules: Mapping[str, StoredRule], read: Row) -> dict[str, Any]:
    """The answer. `read` has `evaluations`, `alerts` and `messages` of the statement read_alerts."""
    evaluation = next(iter(read["evaluations"]), None)
    state = json.loads(evaluation["details"]) if evaluation else {}
    evaluated_at = evaluation["occurred_at"] if evaluation else None
    deliveries = {row["message_id"]: _delivery(row) for row in read["messages"]}
    budget = _watching(rules.get("budget"), state.get("budget"), evaluated_at)
    return {
        "tenant_id": tenant_id,
        "budget": budget,
        "anomalies": _watching(rules.get("anomalies"), state.get("anomalies"), evaluated_at),
        "webhook": _webhook(rules.get("webhook"), list(deliveries.values())),
        "alerts": [_alert(row, deliveries) for row in read["alerts"]],
        "warnings": list(_warnings(rules, budget, list(deliveries.values()))),
    }


def bytes_of_evaluation(read: Row) -> int:
    """How many bytes of costs the last evaluation read."""
    evaluation = next(iter(read["evaluations"]), None)
    return int(json.loads(evaluation["details"]).get("bytes_read", 0)) if evaluation else 0


def _watching(rule: StoredRule | None, state: Row | None, evaluated_at: Any) -> dict[str, Any] | None:
    """A rule with what the last evaluation found. The state of an earlier rule is not shown with a newer one."""
    if rule is None:
        return None
    is_judged = state is not None and evaluated_at >= rule.set_at
    shown = {"set_at": rule.set_at, "set_by_user_id": rule.set_by_user_id, "evaluated_at": None, "state": None}
    return {**rule.settings, **shown, **({"evaluated_at": evaluated_at, "state": state} if is_judged else {})}


def _webhook(rule: StoredRule | None, deliveries: Sequence[Row]) -> dict[str, Any] | None:
    if rule is None:
        return None
    tests = [each for each in deliveries if each["type"] == TEST_TYPE][:SHOWN_TESTS]
    return {**rule.settings, "set_at": rule.set_at, "set_by_user_id": rule.set_by_user_id, "tests": tests}


def _delivery(row: Row) -> dict[str, Any]:
    known = {
        "message_id": row["message_id"],
        "type": json.loads(row["details"])["type"],
        "created_at": row["created_at"],
    }
    if row["attempt"] is None:
        return {**known, "state": "PENDING", **NO_ATTEMPT}
    attempt = json.loads(row["attempt"])
    return {
        **known,
        "state": _STATES[attempt["outcome"]],
        "attempts": row["attempts"],
        "last_attempt_at": row["attempted_at"],
        "status": attempt["status"],
        "problem": attempt["problem"],
    }


def _alert(row: Row, deliveries: Mapping[str, Row]) -> dict[str, Any]:
    return {
        "alert_id": row["alert_id"],
        **json.loads(row["details"]),
        "fired_at": row["fired_at"],
        "resolved_at": row["resolved_at"],
        "delivery": deliveries.get(row["message_id"] or ""),
    }


def _warnings(
    rules: Mapping[str, StoredRule], budget: Mapping[str, Any] | None, deliveries: Sequence[Row]
) -> Iterator[str]:
    watches, webhook = bool({"budget", "anomalies"} & rules.keys()), rules.get("webhook")
    if watches and not webhook:
        yield NOBODY_TOLD
    if webhook and not watches:
        yield NO_RULES
    if budget and budget["state"] and budget["state"]["month"] is None:
        yield NO_COSTS
    if webhook is None:
        return
    # What went to an earlier address, or had an earlier secret, says nothing about this webhook.
    attempted = (each for each in deliveries if each["attempts"] and each["last_attempt_at"] >= webhook.set_at)
    newest = next(attempted, None)
    if newest and newest["problem"]:
        yield f"The last message did not arrive. {newest['problem']}"
