"""The store of tenants' alerts: their rules, which requests change, and their events, which are only appended."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.adapters.bigquery.contended import changed_rows
from shared.adapters.bigquery.sql import Statement, statement
from shared.adapters.bigquery.warehouse import JobOptions, Row, Warehouse
from shared.domain.alerts.evaluation import MAX_MESSAGES, MESSAGES_IN, Evaluation, Known, KnownAlert
from shared.domain.alerts.events import AlertEvent
from shared.domain.alerts.rules import Rules, StoredRule
from shared.domain.alerts.sending import Pending, SealedSecret

_ANSWER_SECONDS = 20.0  # a user waits for the answer
# Longer than BigQuery keeps the ids of jobs, so the number of an evaluation is not found free again.
_KNOWN_DAYS = 200
_MAX_KNOWN = 5000


@dataclass(frozen=True)
class Alerts:
    """Reads and changes alert_rules and alert_events."""

    warehouse: Warehouse

    def set_rule(self, tenant_id: str, rule: StoredRule, secret: SealedSecret | None = None) -> None:
        """Store a rule in place of the tenant's earlier one. One job, more if others change the table."""
        values = {
            "tenant_id": tenant_id,
            "rule": rule.rule,
            "rule_id": rule.rule_id,
            "settings": json.dumps(rule.settings),
            "encrypted_secret": secret.ciphertext if secret else None,
            "kms_key_version": secret.key_version if secret else None,
            "user_id": rule.set_by_user_id,
        }
        self._change(statement("alerts", "set_rule"), values)

    def remove_rule(self, tenant_id: str, rule: str) -> bool:
        """Remove a rule. It returns False if there is none."""
        return self._change(statement("alerts", "remove_rule"), {"tenant_id": tenant_id, "rule": rule}) > 0

    def read(self, tenant_id: str, *, most_alerts: int, most_messages: int) -> Row:
        """The `rules`, `evaluations`, `alerts` and `messages` of the statement read_alerts. One job."""
        values = {
            "tenant_id": tenant_id,
            "days": _KNOWN_DAYS,
            "most_alerts": most_alerts,
            "most_messages": most_messages,
        }
        (found,) = self.warehouse.read(statement("alerts", "read_alerts"), values)
        return found

    def read_known(self, tenant_id: str) -> Known:
        """What an evaluation builds on. One job."""
        found = self.read(tenant_id, most_alerts=_MAX_KNOWN, most_messages=MAX_MESSAGES)
        since = found["read_at"] - MESSAGES_IN
        alerts = [
            KnownAlert(row["alert_id"], json.loads(row["details"]), is_resolved=row["resolved_at"] is not None)
            for row in found["alerts"]
        ]
        return Known(
            tenant_id,
            rules=Rules.of(stored_rules(found["rules"])),
            last_number=max((row["number"] for row in found["evaluations"]), default=0),
            alerts={alert.alert_id: alert for alert in alerts},
            read_at=found["read_at"],
            messages=sum(message["created_at"] > since for message in found["messages"]),
        )

    def append_evaluation(self, tenant_id: str, evaluation: Evaluation) -> bool:
        """Append the events of an evaluation, all or none, once for its number. One job.

        It returns False if another evaluation of the tenant took the number. Then nothing was appended, and the caller
        reads again.
        """
        own = uuid.uuid4().hex
        job = self.warehouse.once(
            statement("alerts", "append_events"),
            {"tenant_id": tenant_id, "events": json.dumps([event.to_row() for event in evaluation.events])},
            job_id=f"cvg-alerts-{tenant_id}-{evaluation.number}",
            options=JobOptions({"evaluation": own}),
        )
        return bool(job.labels.get("evaluation") == own)

    def append(self, event: AlertEvent) -> None:
        """Append one event. It is safe to repeat."""
        self.warehouse.stream("alert_events", [event.to_row()], row_ids=[event.event_id])

    def find_pending(self, tenant_id: str, message_id: str) -> Pending | None:
        """A message with its attempts, and the webhook as it is now. None if there is no such message. One job."""
        values = {"tenant_id": tenant_id, "message_id": message_id, "days": _KNOWN_DAYS}
        (found,) = self.warehouse.read(statement("alerts", "read_message"), values)
        if not found["messages"]:
            return None
        (message,) = found["messages"]
        webhook = next(iter(found["webhooks"]), None)
        return Pending(
            tenant_id=tenant_id,
            message_id=message_id,
            type=json.loads(message["details"])["type"],
            body=message["body"],
            outcomes=[json.loads(row["details"])["outcome"] for row in found["attempts"]],
            url=json.loads(webhook["settings"])["url"] if webhook else None,
            rule_id=webhook["rule_id"] if webhook else "",
            encrypted_secret=webhook["encrypted_secret"] if webhook else b"",
        )

    def _change(self, change: Statement, values: Mapping[str, Any]) -> int:
        return changed_rows(self.warehouse, change, values, for_seconds=_ANSWER_SECONDS)


def stored_rules(rows: Sequence[Row]) -> dict[str, StoredRule]:
    """The rules of the statement newest_rules, by name."""
    found = [StoredRule(**{**row, "settings": json.loads(row["settings"])}) for row in rows]
    return {rule.rule: rule for rule in found}
