"""Sets, shows and removes a tenant's rules for alerts, shows its alerts, and tests its webhook."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.bigquery.warehouse import Row
from shared.adapters.google.alert_tasks import EvaluationTasks, SendingTasks
from shared.adapters.google.kms import CredentialKey
from shared.adapters.stores.alerts import Alerts, stored_rules
from shared.domain.alerts.addresses import is_local
from shared.domain.alerts.events import AlertEvent
from shared.domain.alerts.messages import SECRET_BYTES, message_of_test, new_secret
from shared.domain.alerts.rules import MODELS, StoredRule, rule_of
from shared.domain.alerts.sending import TEST_TYPE, SealedSecret, secret_aad
from shared.domain.alerts.standing import AlertsRequest, bytes_of_evaluation, standing
from shared.domain.requests.auth import TenantReader
from shared.domain.requests.creation import CreationRequest
from shared.domain.requests.parsing import NoBody, validated
from shared.errors import Conflict, InvalidInput, NotFound, TooManyRequests, Unavailable
from shared.runtime import log

_NO_WEBHOOK = "There is no webhook; set one first."
_MAX_TESTS, _TESTS_IN = 3, timedelta(minutes=1)


@dataclass(frozen=True)
class TenantAlerts:
    """The requests about a tenant's alerts. Its account encrypts a webhook's secret and cannot decrypt it."""

    alerts: Alerts
    key: CredentialKey
    evaluations: EvaluationTasks
    sending: SendingTasks
    allows_local: bool = False
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def show(self, tenant_id: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """The rules, what the last look at the costs found, and the latest alerts. One job."""
        return _standing(tenant_id, self._read(tenant_id, validated(AlertsRequest, query).limit))

    def set_rule(self, caller: TenantReader, path: str, creation: CreationRequest) -> dict[str, Any]:
        """Set the rule that the path names in place of the earlier one, and return what `show` returns. Two jobs.

        A webhook gets a new secret with each call; only this answer has it. A budget or the search for anomalies is
        compared with the present costs at once. The caller pays for that what the last comparison read.
        """
        caller.charge_query()
        tenant_id, rule = caller.tenant_id, rule_of(path)
        settings = validated(MODELS[rule], creation.body).model_dump(mode="json")
        if rule == "webhook" and is_local(settings["url"]) and not self.allows_local:
            raise InvalidInput.of_field("url", "must begin with https://")
        stored = StoredRule(
            rule=rule,
            rule_id=uuid.uuid4().hex,
            settings=settings,
            set_at=self.clock(),
            set_by_user_id=creation.user_id,
        )
        secret = new_secret(secrets.token_bytes(SECRET_BYTES)) if rule == "webhook" else None
        self.alerts.set_rule(tenant_id, stored, self._sealed(tenant_id, stored.rule_id, secret) if secret else None)
        log.info("alert rule set", rule=rule)
        found = self._read(tenant_id)
        if secret is None:
            caller.charge_bytes(bytes_of_evaluation(found))
            self.evaluations.request(tenant_id)
        return {**_standing(tenant_id, found), **({"secret": secret} if secret else {})}

    def remove_rule(self, tenant_id: str, path: str) -> dict[str, Any]:
        """Remove the rule that the path names, and return what `show` returns. Two jobs.

        It raises NotFound if there is no such rule.
        """
        rule = rule_of(path)
        if not self.alerts.remove_rule(tenant_id, rule):
            raise NotFound(f"The tenant has no rule {rule}.")
        log.info("alert rule removed", rule=rule)
        return _standing(tenant_id, self._read(tenant_id))

    def test_webhook(self, tenant_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a test message to the webhook, once. `show` says whether it arrived.

        It raises Conflict without a webhook, TooManyRequests after some tests in a minute, and Unavailable if Cloud
        Tasks does not answer.
        """
        validated(NoBody, body)
        shown = _standing(tenant_id, self._read(tenant_id))
        if shown["webhook"] is None:
            raise Conflict(_NO_WEBHOOK)
        now = self.clock()
        recent = [test for test in shown["webhook"]["tests"] if test["created_at"] > now - _TESTS_IN]
        if len(recent) >= _MAX_TESTS:
            message = f"{_MAX_TESTS} tests were sent in the last minute; wait, then try again."
            raise TooManyRequests(message, cap="tests", retry_after=int(_TESTS_IN.total_seconds()))
        message_id = f"msg_{uuid.uuid4().hex}"
        test = message_of_test(message_id, tenant_id=tenant_id, moment=now)
        facts = {"type": TEST_TYPE}
        self.alerts.append(
            AlertEvent(message_id, tenant_id, "MESSAGE", now, message_id=message_id, details=facts, body=test.body)
        )
        if not self.sending.send(tenant_id, message_id):
            raise Unavailable("Cloud Tasks did not take the test; try again.", retry_after=5)
        return {"tenant_id": tenant_id, "message_id": message_id, "status": "PENDING"}

    def _read(self, tenant_id: str, limit: int = AlertsRequest().limit) -> Row:
        return self.alerts.read(tenant_id, most_alerts=limit, most_messages=2 * limit)

    def _sealed(self, tenant_id: str, rule_id: str, secret: str) -> SealedSecret:
        sealed = self.key.encrypt(secret.encode(), aad=secret_aad(tenant_id=tenant_id, rule_id=rule_id))
        return SealedSecret(sealed.ciphertext, sealed.key_version)


def _standing(tenant_id: str, found: Row) -> dict[str, Any]:
    return standing(tenant_id, stored_rules(found["rules"]), found)
