"""The clean-up asks again for what the tasks of alerts have lost: an evaluation after a publish, and a message."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from devcloud.clients import warehouse_of
from shared.adapters.stores.forgotten_alerts import find_forgotten
from tests.support.alerts import BUDGET, watcher_of
from tests.support.dispatching import Dispatching
from tests.support.executions import eventually, served
from tests.support.webhook_receiver import receiver

pytestmark = pytest.mark.phase4


def resumed(dispatching: Dispatching) -> int:
    """Clean up, and return how many tasks were made."""
    answer = served(lambda: dispatching.call_scheduled("cleanup_orphaned_pipelines", "cleanup-orphaned-pipelines"))
    return int(answer["alerts_resumed"])


def publish_event(dispatching: Dispatching, tenant_id: str) -> None:
    """The event of a run that was published two hours ago, whose task was lost."""
    event = {
        "event_id": uuid.uuid4().hex,
        "run_id": "run",
        "tenant_id": tenant_id,
        "kind": "SUCCEEDED",
        "occurred_at": (datetime.now(UTC) - timedelta(hours=2)).isoformat(),
        "details": json.dumps({}),
    }
    assert dispatching.client.insert_rows_json("tenants.pipeline_run_events", [event]) == []


def test_a_lost_evaluation_and_a_lost_message_are_asked_for_again(dispatching: Dispatching) -> None:
    frontend = dispatching.frontend()
    watcher = watcher_of(frontend)
    dispatching.hold("evaluate", "send")
    with receiver() as webhook:
        watcher.set("webhook", {"url": webhook.url})
        publish_event(dispatching, frontend.tenant_id)
        assert resumed(dispatching) == 0  # there is no rule
        watcher.set("budget", BUDGET)
        watcher.spend("90")
        dispatching.hold("evaluate")  # which forgets the evaluation that the rule has asked for
        assert resumed(dispatching) == 1
        dispatching.move_on("evaluate")
        (message,) = eventually(lambda: watcher.events("MESSAGE"))
        dispatching.hold("send")  # the message's task is lost
        assert resumed(dispatching) == 0  # it is not old enough
        earlier = "TIMESTAMP_SUB(occurred_at, INTERVAL 2 HOUR)"
        dispatching.query(f"UPDATE tenants.alert_events SET occurred_at = {earlier} WHERE TRUE")
        dispatching.query(f"UPDATE tenants.pipeline_run_events SET occurred_at = {earlier} WHERE run_id = 'run'")
        assert resumed(dispatching) == 1
        dispatching.move_on("send")
        (received,) = webhook.await_messages(1)
        assert received.headers["webhook-id"] == message["message_id"]
        eventually(lambda: watcher.events("ATTEMPTED"))
        assert resumed(dispatching) == 0
    dispatching.hold("evaluate")


def test_one_tenants_messages_leave_room_for_those_of_others(dispatching: Dispatching) -> None:
    for tenant_id, count, hours in (("tenant_loud", 1_001, 3), ("tenant_quiet", 1, 2)):
        dispatching.query(
            "INSERT INTO tenants.alert_events (event_id, tenant_id, kind, message_id, details, body, occurred_at) "
            "SELECT GENERATE_UUID(), @tenant_id, 'MESSAGE', GENERATE_UUID(), JSON '{}', '{}', "
            f"TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {hours} HOUR) FROM UNNEST(GENERATE_ARRAY(1, {count}))",
            tenant_id=tenant_id,
        )
    found = [tenant_id for tenant_id, _ in find_forgotten(warehouse_of(dispatching.client)).messages]
    dispatching.query("DELETE FROM tenants.alert_events WHERE tenant_id IN ('tenant_loud', 'tenant_quiet')")
    assert (len(found), found.count("tenant_quiet")) == (1_000, 1)
