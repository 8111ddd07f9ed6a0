"""The demo's scheduled run: it makes a schedule, sets its next tick to now, and runs Cloud Scheduler's hourly job."""

from __future__ import annotations

from dataclasses import dataclass

from google.cloud import bigquery
from rich.console import Console

from devcloud.clients import Clients
from devcloud.cloud import Cloud
from devcloud.demo import pages
from devcloud.demo.frontend import Frontend, Json
from devcloud.demo.ledger import Ledger

_TURN_FORWARD = "UPDATE `tenants`.tenant_pipeline_configs SET next_run_time = CURRENT_TIMESTAMP() WHERE config_id = @id"


@dataclass(frozen=True)
class Due:
    """A tenant's schedule that is due, and the Cloud Scheduler job that has queued its run."""

    frontend: Frontend
    schedule: Json
    job: str


def come_due(cloud: Cloud, clients: Clients, frontend: Frontend) -> Due:
    """Make a schedule, set its next tick to now, run the trigger's Cloud Scheduler job; does not wait for the run."""
    schedule = frontend.schedule(cron_expression="0 2 * * *", timezone="Europe/Berlin")
    _turn_clock_forward(clients.bigquery(), schedule["config_id"])
    trigger = cloud.platform.functions["trigger_due_pipelines"].schedule
    assert trigger is not None  # noqa: S101 - configs/platform.yml gives it one
    clients.scheduler().run_job(name=f"{cloud.parent}/jobs/{trigger.job}")
    return Due(frontend, schedule, trigger.job)


def tell_run(due: Due, ledger: Ledger, console: Console) -> None:
    """Wait for the schedule's run and print what happened."""
    frontend, schedule = due.frontend, due.schedule
    console.print(f"   every night at 2 in Berlin: {schedule['status']}, next at {schedule['next_run_time']}")
    console.print("   The demo does not wait for that: it says that the next run is due now, and has Cloud Scheduler")
    console.print(f"   run its hourly job, {due.job}, which queues what is due.")
    run = frontend.run_until_ended(frontend.await_scheduled_run())
    console.print("   ", end="")
    pages.run_line(console, run)
    days = ", ".join(f"{day:%d %b}" for day in ledger.days_of_run(frontend.tenant_id, run["pipeline_logging_id"]))
    console.print(
        "   A schedule names no dates: the run takes what the export has and no run has published yet,\n"
        f"   here {days}."
    )
    console.print(f"   Nobody asked for it, so its user_id is {run['user_id'] or 'NULL'}.")


def _turn_clock_forward(client: bigquery.Client, config_id: str) -> None:
    config = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("id", "STRING", config_id)])
    client.query_and_wait(_TURN_FORWARD, job_config=config)
