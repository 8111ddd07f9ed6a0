"""Alerts end to end: rules are set by the API, costs reach them, and a receiver gets one signed message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from tests.conftest import MakeFrontend
from tests.support.executions import eventually
from tests.support.frontend import Frontend
from tests.support.tenant import Api
from tests.support.tenant_rows import charge, load
from tests.support.webhook_receiver import receiver

Json = dict[str, Any]
TODAY = datetime.now(UTC).date()
BUDGET = {"amount": "100", "currency": "USD", "thresholds": [50, 80, 100]}


@pytest.fixture
def spender(make_frontend: MakeFrontend, bigquery_client: bigquery.Client) -> Iterator[Frontend]:
    """A tenant with an empty focus_cost."""
    frontend = make_frontend()
    frontend.store_keyless()
    make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", "focus_cost"))
    yield frontend
    frontend.api.session.close()


def path_of(frontend: Frontend, rest: str = "") -> str:
    return f"/api/v1/alerts/{frontend.tenant_id}{rest}"


def put(frontend: Frontend, rule: str, body: Json) -> Json:
    answer = frontend.api.request("PUT", path_of(frontend, f"/{rule}"), json=body)
    assert answer.status_code == 200, answer.text
    content: Json = answer.json()
    return content


def shown(frontend: Frontend) -> Json:
    answer = frontend.api.get(path_of(frontend))
    assert answer.status_code == 200, answer.text
    content: Json = answer.json()
    return content


def spend(frontend: Frontend, cost: str, **columns: Any) -> None:
    load(frontend.client, f"{frontend.tenant_id}.focus_cost", [charge(f"{TODAY}", BilledCost=cost, **columns)])


def evaluate(frontend: Frontend) -> str:
    """Evaluate the tenant's rules, as Cloud Tasks does after a publish."""
    return call_as_tasks(frontend.tenant.cloud, "evaluate_alerts", "evaluate", {"tenant_id": frontend.tenant_id})


def call_as_tasks(cloud: Devcloud, function: str, route: str, body: Json) -> str:
    account = f"cvg-tasks-invoker@{cloud.project}.iam.gserviceaccount.com"
    token = cloud.identity.id_token(account, f"{cloud.ready['gateway']}/{function}")
    api = Api(cloud.ready["gateway"])
    headers = {"Authorization": f"Bearer {token}"}
    answer = api.post(f"/{function}/api/v1/internal/alerts/{route}", body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["status"])


def test_a_budget_that_is_crossed_sends_one_signed_message(spender: Frontend) -> None:
    with receiver() as webhook:
        assert put(spender, "budget", BUDGET)["warnings"] == [
            "There are rules and no webhook, so nobody is told of alerts; set a webhook."
        ]
        secret = put(spender, "webhook", {"url": webhook.url})["secret"]
        spend(spender, "81.50")
        spend(spender, "7", BillingCurrency="EUR")
        assert evaluate(spender) == evaluate(spender) == "EVALUATED"
        (message,) = webhook.await_messages(1)
        assert message.is_signed_with(secret)
        assert message.content["type"] == "budget.threshold_reached"
        assert message.content["data"]["thresholds_reached"] == [50, 80]
        found = eventually(lambda: (seen := shown(spender))["alerts"][0]["delivery"]["state"] == "DELIVERED" and seen)
        assert sorted(alert["threshold_percent"] for alert in found["alerts"]) == [50, 80]
        assert found["budget"]["state"]["cost"] == "81.5"
        assert found["budget"]["state"]["not_counted"] == [{"billing_currency": "EUR", "cost": "7"}]
        assert len(webhook.received) == 1
