"""Compares a tenant's rules with its costs after a publish, stores what is new, and delivers the messages."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from shared.adapters.google.alert_tasks import SendingTasks
from shared.adapters.stores.alert_costs import AlertCosts
from shared.adapters.stores.alerts import Alerts
from shared.domain.alerts.evaluation import Evaluation, Known, evaluate
from shared.domain.alerts.spending import DailySpending, MonthlySpending
from shared.domain.alerts.tasks import EvaluateTask
from shared.errors import TransactionAborted
from shared.runtime import log
from shared.use_cases.contention import until_applied


@dataclass(frozen=True)
class AlertEvaluation:
    """Carries out one task. A repeated one finds nothing new."""

    alerts: Alerts
    costs: AlertCosts
    sending: SendingTasks
    rng: random.Random = field(default_factory=random.SystemRandom)

    def evaluate(self, task: EvaluateTask) -> str:
        """Handle the delivery and return its outcome as one word; raise only if it should be delivered again.

        At most four jobs; one for a tenant without rules.
        """
        log.bind(tenant_id=task.tenant_id)
        evaluation = until_applied(lambda: self._append(task.tenant_id), rng=self.rng)
        if evaluation is None:
            return "NO_RULES"
        kinds = [event.kind for event in evaluation.events]
        log.info("alerts evaluated", fired=kinds.count("FIRED"), resolved=kinds.count("RESOLVED"))
        for message in evaluation.messages:
            self.sending.send(task.tenant_id, message.message_id)
        return "EVALUATED"

    def _append(self, tenant_id: str) -> Evaluation | None:
        """Read, decide and append. It raises TransactionAborted if another evaluation was faster."""
        known = self.alerts.read_known(tenant_id)
        if not known.rules.watches:
            return None
        evaluation = evaluate(known, self._monthly(known), self._daily(known))
        if not self.alerts.append_evaluation(tenant_id, evaluation):
            raise TransactionAborted
        return evaluation

    def _monthly(self, known: Known) -> MonthlySpending:
        if known.rules.budget is None:
            return MonthlySpending()
        return self.costs.read_monthly(known.tenant_id, known.rules.budget, today=known.read_at.date())

    def _daily(self, known: Known) -> DailySpending:
        if known.rules.anomalies is None:
            return DailySpending()
        return self.costs.read_daily(known.tenant_id, known.rules.anomalies, today=known.read_at.date())
