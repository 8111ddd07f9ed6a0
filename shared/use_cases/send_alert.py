"""Sends a message to a tenant's webhook. The message has the same id and body in each attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.adapters.google.kms import CredentialKey
from shared.adapters.stores.alerts import Alerts
from shared.adapters.webhooks import Webhooks
from shared.domain.alerts.messages import signed_headers
from shared.domain.alerts.sending import Attempt, Pending, secret_aad
from shared.domain.alerts.tasks import SendTask
from shared.errors import CredentialsLocked, CredentialsRejected, Unavailable
from shared.runtime import log

_NO_WEBHOOK = Attempt(problem="There is no webhook any more.")
_UNREADABLE = Attempt(problem="The webhook's secret cannot be read any more; set the webhook again.")


@dataclass(frozen=True)
class AlertSending:
    """Carries out one task. Only its account may decrypt the secret, and it may not read any costs."""

    alerts: Alerts
    key: CredentialKey
    webhooks: Webhooks
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def send(self, task: SendTask) -> str:
        """Handle the delivery and return its outcome as one word. Unavailable makes Cloud Tasks deliver it again.

        A message that was delivered or given up is not sent again. It may arrive twice if this process dies between
        the receiver's answer and the event about it.
        """
        log.bind(tenant_id=task.tenant_id, message_id=task.message_id)
        pending = self.alerts.find_pending(task.tenant_id, task.message_id)
        if pending is None:
            return "UNKNOWN"
        if pending.is_over:
            return "OVER"
        attempt, is_final = self._attempt(pending)
        event = pending.attempted(attempt, moment=self.clock(), is_final=is_final)
        self.alerts.append(event)
        outcome = str(event.details["outcome"])
        log.info("alert attempted", outcome=outcome, attempt=event.number, receiver_status=attempt.status)
        if outcome == "FAILED":
            raise Unavailable("The receiver did not take the message; it is sent again.")
        return outcome

    def _attempt(self, pending: Pending) -> tuple[Attempt, bool]:
        """The result of one try, and whether another one cannot help."""
        if pending.url is None:
            return _NO_WEBHOOK, True
        aad = secret_aad(tenant_id=pending.tenant_id, rule_id=pending.rule_id)
        try:
            secret = self.key.decrypt(pending.encrypted_secret, aad=aad).decode()
        except CredentialsLocked as error:
            return Attempt(problem=error.message), False
        except CredentialsRejected:
            return _UNREADABLE, True
        headers = signed_headers(pending.message, secret=secret, moment=self.clock())
        return self.webhooks.send(pending.url, pending.body.encode(), headers), False
