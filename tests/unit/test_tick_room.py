"""The runs that a trigger queues for each tenant, and the bound on the size of its request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import Row, Warehouse
from shared.adapters.stores.schedules import Schedules, batched, run_bytes
from shared.domain.runs.limits import waiting_limit
from shared.domain.schedules.tick_plan import DueSchedule, PlannedSchedule, TickOutcome, TickPlan
from shared.domain.schedules.tick_room import Room
from shared.errors import JobFailed
from shared.use_cases.trigger_due_pipelines import plan_due
from tests.support.template_copies import break_one_template

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)
PREVIOUS = NOW.replace(hour=11, second=0)
REQUEST_BYTES = 10_000_000
LONG_TABLE = "a" * 6 + ".b." + "c" * 1_000


def due(config_id: str, **changes: Any) -> DueSchedule:
    """A schedule of every minute whose tenant has been at its daily limit for a week."""
    values: dict[str, Any] = {
        "config_id": config_id, "tenant_id": "acme", "provider": "gcp", "domain": "cost",
        "pipeline_template": "billing", "cron_expression": "* * * * *", "timezone": "UTC",
        "next_run_time": NOW - timedelta(days=7), "misfire_policy": "skip", "overlap_policy": "wait",
        "date_offset_days": 1, "parameters": {"date": "{date}", "billing_export_table": LONG_TABLE},
        "deferred_at": NOW - timedelta(hours=1), "is_tenant_active": True, "is_subscription_live": True,
        "daily_limit": 5, "taken_today": 0, "waiting_runs": 0, "has_unfinished_run": False, "credential_source": None,
    }  # fmt: skip
    return DueSchedule(**values | changes)


def queued(planned: list[PlannedSchedule], tenant_of: Mapping[str, str]) -> Counter[str]:
    counts = Counter[str]()
    for schedule in planned:
        counts[tenant_of[schedule.plan.config_id]] += schedule.plan.run_count
    return counts


def test_a_week_of_missed_ticks_queues_only_as_many_runs_as_the_daily_limit() -> None:
    planned, left = plan_due([due("a"), due("b")], now=NOW, previous_trigger=PREVIOUS)
    assert [schedule.plan.run_count for schedule in planned] == [5, 1]
    assert (left, [schedule.plan.deferred_reason for schedule in planned]) == ([], ["DAILY_LIMIT"] * 2)


def test_a_tenant_whose_queue_is_full_keeps_its_ticks_due() -> None:
    (schedule,), _ = plan_due([due("a", waiting_runs=100)], now=NOW, previous_trigger=PREVIOUS)
    assert (schedule.plan.outcomes, schedule.plan.deferred_reason) == ((), "WAITING_LIMIT")
    assert schedule.plan.next_run_time == schedule.plan.moves_from


@given(
    schedules=st.lists(
        st.builds(
            dict,
            tenant_id=st.sampled_from(["acme", "beta"]),
            misfire_policy=st.sampled_from(["coalesce", "all", "skip"]),
            overlap_policy=st.sampled_from(["wait", "skip"]),
            next_run_time=st.integers(0, 300).map(lambda minutes: NOW - timedelta(minutes=minutes)),
        ),
        max_size=12,
    ),
    standing=st.fixed_dictionaries(
        {
            tenant: st.builds(
                dict,
                daily_limit=st.integers(0, 20),
                taken_today=st.integers(0, 20),
                waiting_runs=st.integers(0, 220),
            )
            for tenant in ("acme", "beta")
        }
    ),
)
@settings(max_examples=60, deadline=None)
def test_a_trigger_leaves_no_tenant_more_waiting_runs_than_it_may_have(
    schedules: list[dict[str, Any]], standing: dict[str, dict[str, int]]
) -> None:
    made = [due(str(number), **one, **standing[one["tenant_id"]]) for number, one in enumerate(schedules)]
    planned, left = plan_due(made, now=NOW, previous_trigger=PREVIOUS)
    assert (len(planned), left) == (len(made), [])
    for tenant, count in queued(planned, {one.config_id: one.tenant_id for one in made}).items():
        limits = standing[tenant]
        room = waiting_limit(limits["daily_limit"]) - limits["waiting_runs"]
        spare = max(0, limits["daily_limit"] - limits["taken_today"])
        assert count <= max(0, room)
        assert count <= (spare + len(made) if spare else 0)  # each schedule may queue one run beyond the daily limit


@given(value=st.text(min_size=1, max_size=5), times=st.sampled_from([1, 500, 50_000]))
@settings(max_examples=20, deadline=None)
def test_no_request_is_larger_than_bigquery_takes(value: str, times: int) -> None:
    parameters = {"billing_export_table": value * times}
    most, _ = Room(today=1_000, waiting=1_000).of_schedule(bytes_per_run=run_bytes(parameters, None))
    outcomes = tuple(TickOutcome(NOW, NOW + timedelta(minutes=n), 1, parameters) for n in range(most))
    plans = [PlannedSchedule(TickPlan(str(number), NOW, NOW, outcomes)) for number in range(12)]
    requests = [
        json.dumps(
            {"plans": [sent.plan for sent in batch], "outcomes": [text for sent in batch for text in sent.outcomes]}
        )
        for batch in batched(plans)
    ]
    assert max(map(len, requests)) < REQUEST_BYTES


def test_a_schedule_that_cannot_be_planned_stops_no_other() -> None:
    broken = due("broken", parameters=["not", "a", "mapping"])
    planned, left = plan_due([broken, due("good", tenant_id="beta")], now=NOW, previous_trigger=PREVIOUS)
    assert left == [("broken", "NOT_PLANNED")]
    assert [schedule.plan.config_id for schedule in planned] == ["good"]


def test_a_trigger_says_once_which_template_is_broken_and_serves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_one_template(tmp_path, monkeypatch)
    schedules = [due(name, pipeline_template="daily_by_service") for name in ("first", "second")]
    planned, left = plan_due([*schedules, due("good")], now=NOW, previous_trigger=PREVIOUS)
    assert sorted(left) == [("first", "TEMPLATE_BROKEN"), ("second", "TEMPLATE_BROKEN")]
    assert [schedule.plan.config_id for schedule in planned] == ["good"]
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (logged.exc_info, "daily_by_service.yml:" in str(vars(logged))) == (None, True)


class Refusing(Warehouse):
    """Refuses every statement with one schedule's id. Devcloud itself would refuse no schedule."""

    def __init__(self, refused: str) -> None:
        object.__setattr__(self, "refused", refused)

    def change(self, statement: Statement, values: Mapping[str, Any], *, dataset: str | None = None) -> Any:  # noqa: ARG002 - as it is called
        plans = json.loads(values["plans"])
        if self.refused in {plan["config_id"] for plan in plans}:  # type: ignore[attr-defined] # set above
            raise JobFailed("invalidQuery")
        return SimpleNamespace(moved=[{"config_id": plan["config_id"]} for plan in plans])

    def rows_of(self, job: Any) -> list[Row]:
        return list(job.moved)


def test_a_schedule_that_bigquery_refuses_stops_no_other() -> None:
    names = [f"config-{number}" for number in range(7)]
    lately = NOW - timedelta(minutes=5)
    planned, _ = plan_due([due(name, next_run_time=lately) for name in names], now=NOW, previous_trigger=PREVIOUS)
    moved = Schedules(Refusing("config-3")).apply(NOW, planned)
    assert moved == set(names) - {"config-3"}
