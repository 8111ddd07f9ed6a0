"""Compares a tenant's rules with its costs: which alerts are new, which are resolved, and what is to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.alerts.anomalies import Days, anomaly_state, find_anomalies, is_still_anomaly
from shared.domain.alerts.budgets import (
    MonthStanding,
    budget_state,
    judged_months,
    month_standing,
    reached_thresholds,
    threshold_id,
)
from shared.domain.alerts.events import AlertEvent, Kind
from shared.domain.alerts.firing import Fired
from shared.domain.alerts.messages import Message, anomaly_message, budget_message
from shared.domain.alerts.rules import BudgetRule, Rules
from shared.domain.alerts.spending import DailySpending, MonthlySpending

MAX_NEW_ALERTS = 500  # of one evaluation; the next one finds the others
# A receiver may take its time for each of a message's attempts, and all tenants' messages have the same senders.
MAX_MESSAGES, MESSAGES_IN = 30, timedelta(hours=1)


@dataclass(frozen=True)
class KnownAlert:
    """An alert that an earlier evaluation fired."""

    alert_id: str
    facts: Mapping[str, Any]
    is_resolved: bool


@dataclass(frozen=True)
class Known:
    """The read state of a tenant's alerts.

    `last_number` is that of its last evaluation; 0 if there was none. `messages` are those of the last MESSAGES_IN.
    """

    tenant_id: str
    rules: Rules
    last_number: int
    alerts: Mapping[str, KnownAlert]
    read_at: datetime
    messages: int = 0

    @property
    def sends(self) -> bool:
        """Whether a new alert is told: there is a webhook, and it did not get too many messages lately."""
        return self.rules.webhook is not None and self.messages < MAX_MESSAGES


@dataclass(frozen=True)
class Evaluation:
    """The result of one comparison. All its events are stored together, or none."""

    number: int
    events: Sequence[AlertEvent]
    messages: Sequence[Message] = field(default=())


def evaluate(known: Known, monthly: MonthlySpending, daily: DailySpending) -> Evaluation:
    """Decide. The same costs and rules give an alert once, because an alert's id is made of its reason."""
    rules, today = known.rules, known.read_at.date()
    state: dict[str, Any] = {"bytes_read": monthly.bytes_read + daily.bytes_read}
    new: list[tuple[Message, Sequence[Fired]]] = []
    silent: list[Fired] = []
    changes: list[tuple[Kind, KnownAlert]] = []
    if rules.budget and rules.budget_set_at:
        months = judged_months(monthly, set_at=rules.budget_set_at, today=today)
        standings = [month_standing(month, monthly, rules.budget) for month in months]
        state["budget"] = budget_state(standings, monthly, rules.budget)
        for standing in standings:
            fired = _unknown(reached_thresholds([standing], rules.budget, tenant_id=known.tenant_id), known)
            if fired and _is_news(fired, standing, rules.budget, known):
                new.append((budget_message(fired, tenant_id=known.tenant_id, moment=known.read_at), fired))
            else:
                silent += fired
    if rules.anomalies:
        days = Days.of(daily)
        state["anomalies"] = anomaly_state(daily)
        found = find_anomalies(days, rules.anomalies, tenant_id=known.tenant_id, today=today)
        if fired := _unknown(found, known):
            new.append((anomaly_message(fired, tenant_id=known.tenant_id, moment=known.read_at), fired))
        for alert in known.alerts.values():
            if alert.facts["kind"] == "anomaly":
                holds = is_still_anomaly(alert.facts, days, rules.anomalies)
                if holds is not None and holds == alert.is_resolved:
                    changes.append(("REOPENED" if holds else "RESOLVED", alert))
    events = list(_events(known, state, new, silent, changes))
    sent = [message for message, _ in new] if known.sends else []
    return Evaluation(known.last_number + 1, events, sent)


def _unknown(found: Iterable[Fired], known: Known) -> list[Fired]:
    return [each for each in found if each.alert_id not in known.alerts][:MAX_NEW_ALERTS]


def _is_news(fired: Sequence[Fired], standing: MonthStanding, rule: BudgetRule, known: Known) -> bool:
    """Whether no higher threshold of the month has alerted before, as it has if a lower one was added later."""
    highest = max(int(each.facts["threshold_percent"]) for each in fired)
    before = [
        threshold
        for threshold in rule.thresholds
        if threshold_id(standing.month, threshold, rule, known.tenant_id) in known.alerts
    ]
    return highest > max(before, default=0)


def _events(
    known: Known,
    state: Mapping[str, Any],
    new: Sequence[tuple[Message, Sequence[Fired]]],
    silent: Sequence[Fired],
    changes: Sequence[tuple[Kind, KnownAlert]],
) -> Iterator[AlertEvent]:
    number = known.last_number + 1

    def event(
        kind: Kind,
        event_id: str,
        details: Mapping[str, Any],
        alert_id: str | None = None,
        *,
        message: Message | None = None,
        body: str | None = None,
    ) -> AlertEvent:
        message_id = message.message_id if message else None
        tenant_id, moment = known.tenant_id, known.read_at
        return AlertEvent(event_id, tenant_id, kind, moment, number, alert_id, message_id, details, body)

    yield event("EVALUATED", f"{known.tenant_id}-{number}", state)
    for message, fired in new:
        sent = message if known.sends else None
        for each in fired:
            yield event("FIRED", each.alert_id, each.facts, each.alert_id, message=sent)
        if sent:
            yield event("MESSAGE", sent.message_id, {"type": sent.type}, message=sent, body=sent.body)
    for each in silent:
        yield event("FIRED", each.alert_id, each.facts, each.alert_id)
    for kind, alert in changes:
        yield event(kind, f"{alert.alert_id}-{kind.lower()}-{number}", {}, alert.alert_id)
