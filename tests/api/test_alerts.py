"""Alerts: rules are set by the API, costs reach them, and a receiver gets each message, signed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from google.cloud.tasks_v2 import CloudTasksClient

from devcloud.server import Devcloud
from tests.conftest import MakeFrontend
from tests.support.alerts import BUDGET, YESTERDAY, Watcher, watcher_of
from tests.support.executions import eventually
from tests.support.tenant_rows import charge, load
from tests.support.webhook_receiver import receiver

Json = dict[str, Any]
NOBODY_TOLD = "There are rules and no webhook, so nobody is told of alerts; set a webhook."
ANOMALIES: Json = {"minimum_amount": "20", "currency": "USD"}


@pytest.fixture
def watcher(make_frontend: MakeFrontend) -> Iterator[Watcher]:
    """A tenant with an empty focus_cost."""
    frontend = make_frontend()
    watcher = watcher_of(frontend)
    yield watcher
    frontend.api.session.close()


@pytest.fixture
def bare(make_frontend: MakeFrontend) -> Iterator[Watcher]:
    """A tenant without a dataset and without rules."""
    frontend = make_frontend()
    yield Watcher(frontend)
    frontend.api.session.close()


@pytest.fixture
def held_sending(cloud: Devcloud) -> Iterator[None]:
    """Messages wait, so that the test delivers them."""
    with cloud.clients() as clients:
        tasks: CloudTasksClient = clients.tasks()
        queue = cloud.cloud.queue("send")
        tasks.pause_queue(name=queue)
        yield
        tasks.purge_queue(name=queue)
        tasks.resume_queue(name=queue)


def test_a_budget_that_is_crossed_sends_one_signed_message(watcher: Watcher) -> None:
    with receiver() as webhook:
        assert watcher.set("budget", BUDGET)["warnings"] == [NOBODY_TOLD]
        secret = watcher.set("webhook", {"url": webhook.url})["secret"]
        watcher.spend("81.50")
        watcher.spend("7", BillingCurrency="EUR")
        with ThreadPoolExecutor(3) as threads:  # as after several publishes at once
            assert list(threads.map(lambda _: watcher.evaluate(), range(3))) == ["EVALUATED"] * 3
        (message,) = webhook.await_messages(1)
        assert message.is_signed_with(secret)
        assert message.content["type"] == "budget.threshold_reached"
        assert message.content["data"]["thresholds_reached"] == [50, 80]
        shown = eventually(lambda: (seen := watcher.show())["alerts"][0]["delivery"]["state"] == "DELIVERED" and seen)
        assert len(webhook.received) == 1
    assert sorted(alert["threshold_percent"] for alert in shown["alerts"]) == [50, 80]
    assert sorted(event["number"] for event in watcher.events("EVALUATED")) == [1, 2, 3]
    assert shown["budget"]["state"]["cost"] == "81.5"
    assert shown["budget"]["state"]["not_counted"] == [{"billing_currency": "EUR", "cost": "7"}]
    assert shown["budget"]["state"]["data_through"] == {"Google Cloud": YESTERDAY.isoformat()}
    assert shown["warnings"] == []


@pytest.mark.usefixtures("held_sending")
def test_a_message_is_sent_until_it_is_taken_with_one_id_and_one_body(watcher: Watcher) -> None:
    with receiver(500, 302, headers={"Location": "http://169.254.169.254/"}) as webhook:
        secret = watcher.set("webhook", {"url": webhook.url})["secret"]
        watcher.set("budget", BUDGET)
        watcher.spend("120")
        watcher.evaluate()
        (message,) = watcher.events("MESSAGE")
        answers, states = [], []
        for _ in range(4):
            answers.append(watcher.deliver(message["message_id"]))
            states.append(watcher.show()["alerts"][0]["delivery"])
    assert [answer.status_code for answer in answers] == [503, 503, 200, 200]
    assert [answer.json()["status"] for answer in answers[2:]] == ["DELIVERED", "OVER"]
    assert [(state["state"], state["attempts"], state["status"]) for state in states] == [
        ("RETRYING", 1, 500), ("RETRYING", 2, 302), ("DELIVERED", 3, 204), ("DELIVERED", 3, 204),
    ]  # fmt: skip
    assert [state["problem"] for state in states[:2]] == [
        "The receiver answered with status 500.",
        "The receiver redirects (302), which is not followed; set the final address.",
    ]
    assert len(webhook.received) == 3
    assert {(sent.headers["webhook-id"], sent.body) for sent in webhook.received} == {
        (message["message_id"], message["body"].encode())
    }
    assert all(sent.is_signed_with(secret) for sent in webhook.received)


def test_an_anomaly_alerts_once_and_is_resolved_when_its_day_is_restated(watcher: Watcher) -> None:
    frontend, spike = watcher.frontend, YESTERDAY - timedelta(days=1)
    table = f"{frontend.tenant_id}.focus_cost"
    usage = {"ChargeCategory": "Usage", "ServiceName": "BigQuery"}
    days = [YESTERDAY - timedelta(days=ago) for ago in range(2, 30)]
    rows = [charge(day.isoformat(), BilledCost="10", **usage) for day in days]
    rows += [charge(YESTERDAY.isoformat(), BilledCost="900", **usage)]  # not complete yet
    rows += [charge(spike.isoformat(), BilledCost="500", ChargeCategory="Purchase", ServiceName="Commitments")]
    rows += [charge(spike.isoformat(), BilledCost="90", **usage)]
    load(frontend.client, table, rows)
    watcher.set("anomalies", ANOMALIES)
    assert watcher.evaluate() == watcher.evaluate() == "EVALUATED"
    (alert,) = watcher.show()["alerts"]
    assert (alert["service"], alert["day"], alert["cost"], alert["median"]) == ("BigQuery", f"{spike}", "90", "10")
    assert (alert["resolved_at"], alert["delivery"]) == (None, None)
    frontend.sql(f"DELETE FROM {{own}}.focus_cost WHERE DATE(ChargePeriodStart) = '{spike}' AND BilledCost = 90")
    assert watcher.evaluate() == "EVALUATED"
    (alert,) = watcher.show()["alerts"]
    assert alert["resolved_at"] is not None


@pytest.mark.usefixtures("held_sending")
def test_a_test_is_sent_once_and_shows_why_it_failed(bare: Watcher) -> None:
    assert bare.frontend.api.post(f"{bare.path}/webhook/test").status_code == 409
    with receiver(500) as webhook:
        bare.set("webhook", {"url": webhook.url})
        accepted = bare.frontend.api.post(f"{bare.path}/webhook/test")
        assert accepted.status_code == 202
        message_id = accepted.json()["message_id"]
        assert bare.show()["webhook"]["tests"][0]["state"] == "PENDING"
        assert bare.deliver(message_id).json() == {"status": "GIVEN_UP"}
        shown = bare.show()
        assert bare.frontend.api.post(f"{bare.path}/webhook/test").status_code == 202
        assert bare.frontend.api.post(f"{bare.path}/webhook/test").status_code == 202
        refused = bare.frontend.api.post(f"{bare.path}/webhook/test")
    assert [sent.content["type"] for sent in webhook.received] == ["alert.test"]
    (test,) = shown["webhook"]["tests"]
    assert (test["message_id"], test["state"], test["attempts"]) == (message_id, "FAILED", 1)
    assert shown["warnings"] == [
        "There is a webhook and no rule, so nothing alerts; set a budget or anomalies.",
        "The last message did not arrive. The receiver answered with status 500.",
    ]
    assert (refused.status_code, refused.json()["cap"]) == (429, "tests")


@pytest.mark.usefixtures("held_sending")
def test_a_secret_is_shown_once_stored_encrypted_and_gone_with_its_webhook(bare: Watcher) -> None:
    first, second = (bare.set("webhook", {"url": "https://example.com/alerts"}) for _ in range(2))
    assert first["secret"] != second["secret"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", second["secret"])
    assert "secret" not in bare.show()
    (row,) = bare.frontend.central("alert_rules")
    assert second["secret"].encode() not in row["encrypted_secret"]
    message_id = bare.frontend.api.post(f"{bare.path}/webhook/test").json()["message_id"]
    assert bare.frontend.api.delete(f"{bare.path}/webhook").json()["webhook"] is None
    assert bare.frontend.central("alert_rules") == []
    assert bare.deliver(message_id).json() == {"status": "GIVEN_UP"}
    assert bare.events("ATTEMPTED")[-1]["details"]["problem"] == "There is no webhook any more."


def test_a_secret_that_was_moved_to_another_tenant_signs_nothing(
    bare: Watcher, watcher: Watcher, held_sending: None
) -> None:
    for each in (bare, watcher):
        each.set("webhook", {"url": "https://example.com/alerts"})
    message_id = bare.frontend.api.post(f"{bare.path}/webhook/test").json()["message_id"]
    bare.frontend.sql(
        "UPDATE {tenants}.alert_rules SET encrypted_secret = (SELECT theirs.encrypted_secret FROM {tenants}.alert_rules"
        " AS theirs WHERE theirs.tenant_id = @other) WHERE tenant_id = @tenant_id",
        other=watcher.frontend.tenant_id,
    )
    assert bare.deliver(message_id).json() == {"status": "GIVEN_UP"}
    problem = bare.events("ATTEMPTED")[-1]["details"]["problem"]
    assert problem == "The webhook's secret cannot be read any more; set the webhook again."


@pytest.mark.parametrize("rule", ["budget", "anomalies"])
def test_a_removed_rule_is_not_there_any_more(bare: Watcher, rule: str) -> None:
    wanted = BUDGET if rule == "budget" else ANOMALIES
    assert bare.set(rule, wanted)[rule]["currency"] == "USD"
    removed = bare.frontend.api.delete(f"{bare.path}/{rule}")
    assert (removed.status_code, removed.json()[rule]) == (200, None)
    again = bare.frontend.api.delete(f"{bare.path}/{rule}")
    assert (again.status_code, again.json()["detail"]) == (404, f"The tenant has no rule {rule}.")


def test_a_rule_with_bad_fields_is_refused_and_the_answer_names_them(bare: Watcher) -> None:
    body = {"amount": 100.5, "currency": "usd", "thresholds": [80, 80], "filter": "colour:red", "mail": "me"}
    answer = bare.put("budget", body)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {
        "amount", "currency", "thresholds", "filter", "mail",
    }  # fmt: skip


def test_a_tenant_without_a_dataset_is_evaluated_without_costs(bare: Watcher) -> None:
    assert bare.evaluate() == "NO_RULES"
    bare.set("budget", BUDGET)
    bare.set("anomalies", ANOMALIES)
    assert bare.evaluate() == "EVALUATED"
    shown = bare.show()
    assert (shown["budget"]["state"]["month"], shown["alerts"]) == (None, [])
    assert shown["warnings"] == [NOBODY_TOLD, "There are no costs of the last 35 days to compare the budget with."]
    assert shown["anomalies"]["state"]["complete_through"] == {}


def test_a_message_that_nobody_knows_is_dropped(bare: Watcher) -> None:
    assert bare.deliver("msg_unknown").json() == {"status": "UNKNOWN"}
