"""The demo's scheduled run: a schedule, a clock turned forward, and Cloud Scheduler's own hourly job."""

from __future__ import annotations

from google.cloud import bigquery
from rich.console import Console

from devcloud.clients import Clients
from devcloud.cloud import Cloud
from devcloud.demo import pages
from devcloud.demo.frontend import Frontend

_TURN_FORWARD = "UPDATE `tenants`.tenant_pipeline_configs SET next_run_time = CURRENT_TIMESTAMP() WHERE config_id = @id"


def run_on_schedule(cloud: Cloud, clients: Clients, frontend: Frontend, console: Console) -> None:
    """Make a schedule, let its next tick be now, run the trigger's Cloud Scheduler job, wait for the run."""
    schedule = frontend.schedule(cron_expression="0 2 * * *", timezone="Europe/Berlin")
    console.print(f"   every night at 2 in Berlin: {schedule['status']}, next at {schedule['next_run_time']}")
    _turn_clock_forward(clients.bigquery(), schedule["config_id"])
    trigger = cloud.platform.functions["trigger_due_pipelines"].schedule
    assert trigger is not None  # noqa: S101 - configs/platform.yml gives it one
    clients.scheduler().run_job(name=f"{cloud.parent}/jobs/{trigger.job}")
    console.print("   that moment made now, and Cloud Scheduler's hourly job run:")
    run = frontend.run_until_ended(frontend.await_scheduled_run())
    console.print("   ", end="")
    pages.run_line(console, run)
    user_id = run["user_id"] or "NULL"
    console.print(
        f"   nobody asked for it, so its user_id is {user_id}; no date was asked for, so it took all that is new"
    )


def _turn_clock_forward(client: bigquery.Client, config_id: str) -> None:
    config = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("id", "STRING", config_id)])
    client.query_and_wait(_TURN_FORWARD, job_config=config)
