"""Asks again for the evaluations and messages of alerts whose tasks were lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.google.alert_tasks import EvaluationTasks, SendingTasks
from shared.adapters.stores.forgotten_alerts import find_forgotten


@dataclass(frozen=True)
class ForgottenAlerts:
    """A part of the hourly clean-up. What has a task already gets another one, which finds nothing to do."""

    warehouse: Warehouse
    evaluations: EvaluationTasks
    sending: SendingTasks

    def resume(self, now: datetime) -> int:
        """Create the missing tasks and return their number. One job."""
        found = find_forgotten(self.warehouse)
        for tenant_id in found.tenants:
            self.evaluations.request(tenant_id)
        for tenant_id, message_id in found.messages:
            self.sending.send(tenant_id, message_id, again=now.isoformat())
        return len(found.tenants) + len(found.messages)
