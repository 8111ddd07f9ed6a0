"""A publish crosses a budget, and its executor dies before it asks for the evaluation: one message still arrives."""

from __future__ import annotations

import signal
from decimal import Decimal

import pytest

from devcloud.seed_billing.rows import Plan
from tests.conftest import MakeTenant
from tests.e2e.execution.conftest import StartInstance
from tests.support.alerts import YESTERDAY, Watcher
from tests.support.executions import Executions, eventually
from tests.support.frontend import Frontend
from tests.support.webhook_receiver import receiver

pytestmark = pytest.mark.phase4


def test_a_publish_crosses_a_budget_and_one_message_arrives_though_its_executor_died(
    executions: Executions, make_tenant: MakeTenant, start_instance: StartInstance
) -> None:
    tenant = make_tenant()
    tenant.__dict__["export"] = tenant.seed(Plan(seed=5, start=YESTERDAY, days=1, rows_per_day=20))
    total = Decimal(tenant.export.truth["total"])
    watcher, queue = Watcher(Frontend(tenant, executions.client)), executions.cloud.cloud.queue("evaluate")
    amount = f"{total / Decimal('0.85'):.6f}"  # the bill is 85 % of it
    with receiver() as webhook, executions.cloud.clients() as clients:
        secret = watcher.set("webhook", {"url": webhook.url})["secret"]
        watcher.set("budget", {"amount": amount, "currency": "USD"})
        clients.tasks().purge_queue(name=queue)  # the evaluations that changes of rules have asked for
        delivery, instance = executions.admit(tenant, {"date": YESTERDAY.isoformat()}), start_instance()
        with executions.held(delivery, "log", url=instance.url) as held:
            instance.signal(signal.SIGKILL)
            assert held.answer.result() == "CUT OFF"
        assert executions.run_row(delivery)["status"] == "COMPLETED"
        assert list(clients.tasks().list_tasks(parent=queue)) == []
        assert executions.deliver(executions.admit_again(delivery)) == "SUCCEEDED"
        clients.tasks().resume_queue(name=queue)
        try:
            (message,) = webhook.await_messages(1)
        finally:
            clients.tasks().pause_queue(name=queue)
        assert watcher.evaluate() == "EVALUATED"
        shown = eventually(lambda: (seen := watcher.show())["alerts"][0]["delivery"]["state"] == "DELIVERED" and seen)
        assert len(webhook.received) == 1
    assert message.is_signed_with(secret)
    assert message.content["data"]["thresholds_reached"] == [50, 80]
    assert Decimal(message.content["data"]["cost"]) == total
    assert Decimal(shown["budget"]["state"]["cost"]) == total
