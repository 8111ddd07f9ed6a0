"""Lists, previews, pauses and resumes schedules."""

from __future__ import annotations

from typing import Annotated

import typer

from convergence.api import open_api
from convergence.options import AsJson, Most, Tenant
from convergence.output import print_json, print_lines, print_table, short_time

app = typer.Typer(help="List, preview, pause and resume schedules.", no_args_is_help=True)
_SCHEDULES = "/api/v1/scheduler/customer/{tenant_id}/pipelines"
Config = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The config_id of the schedule.")]


@app.command("list")
def list_schedules(limit: Most = 50, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """List the tenant's schedules, newest first."""
    found = open_api(tenant).pages(_SCHEDULES, "pipelines", most=limit)
    if as_json:
        return print_json(found)
    rows = [
        (
            schedule["config_id"],
            schedule["pipeline_id"],
            schedule["cron_expression"],
            schedule["timezone"],
            "active" if schedule["is_active"] else "paused",
            short_time(schedule["next_run_time"]),
            schedule["last_run_status"],
        )
        for schedule in found["pipelines"]
    ]
    return print_table(("schedule", "pipeline", "cron", "timezone", "", "next (UTC)", "last result"), rows)


@app.command()
def preview(
    schedule: Config,
    count: Annotated[int, typer.Option(min=1, max=50, metavar="N", help="How many fire times.")] = 5,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Show when a schedule fires next, in its timezone and in UTC."""
    found = open_api(tenant).get(f"{_SCHEDULES}/{schedule}/preview", count=count)
    if as_json:
        return print_json(found)
    print_lines(f"{found['cron_expression']} in {found['timezone']}: {found['day_rule']}", *found["warnings"])
    return print_table(("local", "UTC"), [(time["local"], short_time(time["utc"])) for time in found["fire_times"]])


@app.command()
def pause(schedule: Config, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Stop a schedule from firing. Its runs in the queue stay."""
    _switch(schedule, tenant, is_active=False, as_json=as_json)


@app.command()
def resume(schedule: Config, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Let a schedule fire again."""
    _switch(schedule, tenant, is_active=True, as_json=as_json)


def _switch(schedule: str, tenant: str | None, *, is_active: bool, as_json: bool) -> None:
    changed = open_api(tenant).patch(f"{_SCHEDULES}/{schedule}", {"is_active": is_active})
    if as_json:
        return print_json(changed)
    following = short_time(changed["next_run_time"])
    state = f"active; it fires next at {following} UTC" if changed["is_active"] else "paused"
    return print_lines(f"{schedule} is {state}", *changed.get("warnings", ()))
