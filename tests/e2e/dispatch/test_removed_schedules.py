"""Waiting runs of a removed schedule end, even if the trigger queues them at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.support.dispatching import Dispatching
from tests.support.schedules import Schedules
from tests.support.tenant import Api


def test_dispatcher_cancels_the_waiting_run_of_a_removed_schedule(dispatching: Dispatching) -> None:
    schedules = connected(dispatching)
    config_id = schedules.start()
    schedules.make_due(config_id)
    dispatching.trigger()
    assert schedules.remove(config_id).json()["cancelled_runs"] == 1
    assert dispatching.process()["processed_count"] == 0
    (run,) = schedules.frontend.central("scheduled_pipeline_runs")
    assert run["state"] == "CANCELLED"
    assert schedules.frontend.central("pipeline_execution_queue") == []


def test_no_run_outlives_its_schedule_whichever_of_removal_and_trigger_comes_first(dispatching: Dispatching) -> None:
    schedules = connected(dispatching)
    configs = [schedules.start() for _ in range(6)]
    for config_id in configs:
        schedules.make_due(config_id)

    def remove(config_id: str) -> int:
        api = Api(schedules.api.url, schedules.frontend.tenant.api_key)
        return api.delete(f"{schedules.path}/{config_id}").status_code

    with ThreadPoolExecutor(8) as threads:
        triggers = [threads.submit(dispatching.trigger) for _ in range(2)]
        removals = list(threads.map(remove, configs))
        triggered = sum(trigger.result()["queued_count"] for trigger in triggers)
    assert (removals, schedules.rows()) == ([200] * 6, [])
    waiting = {item["run_id"] for item in schedules.frontend.central("pipeline_execution_queue")}
    asked = {event["run_id"] for event in schedules.frontend.central("pipeline_run_events")}
    assert (len(waiting), waiting) == (triggered, asked)
    dispatching.process()
    states = {run["state"] for run in schedules.frontend.central("scheduled_pipeline_runs")}
    assert states <= {"CANCELLED"}
    assert schedules.frontend.central("pipeline_execution_queue") == []


def connected(dispatching: Dispatching) -> Schedules:
    frontend = dispatching.frontend()
    frontend.store_keyless()
    return Schedules(frontend)
