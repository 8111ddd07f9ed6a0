"""Creates, lists, previews, pauses, resumes and removes schedules."""

from __future__ import annotations

from typing import Annotated

import typer

from convergence.api import Json, open_api
from convergence.options import AsJson, Most, Parameters, Pipeline, Tenant, named, parts_of
from convergence.output import print_json, print_lines, print_table, short_time

app = typer.Typer(help="Create, list, preview, pause, resume and remove schedules.", no_args_is_help=True)
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
    print_json(found) if as_json else _print_fires(found)


@app.command()
def create(
    pipeline: Pipeline,
    cron: Annotated[str, typer.Argument(metavar="CRON", help="Five cron fields in quotes, such as '0 2 * * *'.")],
    *,
    timezone: Annotated[str, typer.Option(metavar="NAME", help="Such as Europe/Berlin.")] = "UTC",
    parameters: Parameters = None,
    preview: Annotated[bool, typer.Option("--preview", help="Say when it would fire, and save nothing.")] = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Schedule a pipeline. Without dates each run loads whatever is new; --set date={date} loads the tick's day."""
    api = open_api(tenant)
    body = dict(zip(("provider", "domain", "template"), parts_of(pipeline), strict=True)) | {
        "cron_expression": cron, "timezone": timezone, "parameters": named(parameters), "preview": preview,
    }  # fmt: skip
    answer = api.post(_SCHEDULES, body, keyed=not preview)
    if as_json:
        return print_json(answer)
    if preview:
        return _print_fires(answer)
    print_lines(f"{answer['config_id']} is {answer['status']}: {answer['message']}", *answer.get("warnings", ()))
    return _print_fires(api.get(f"{_SCHEDULES}/{answer['config_id']}/preview", count=5) | {"warnings": []})


@app.command()
def remove(schedule: Config, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Remove a schedule and cancel its waiting runs. Its history stays."""
    answer = open_api(tenant).delete(f"{_SCHEDULES}/{schedule}")
    if as_json:
        return print_json(answer)
    return print_lines(f"{schedule} is removed; waiting runs cancelled: {answer['cancelled_runs']}")


@app.command()
def pause(schedule: Config, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Stop a schedule from firing. Its runs in the queue stay."""
    _switch(schedule, tenant, is_active=False, as_json=as_json)


@app.command()
def resume(schedule: Config, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Let a schedule fire again."""
    _switch(schedule, tenant, is_active=True, as_json=as_json)


def _print_fires(found: Json) -> None:
    print_lines(f"{found['cron_expression']} in {found['timezone']}: {found['day_rule']}", *found["warnings"])
    print_table(("local", "UTC"), [(time["local"], short_time(time["utc"])) for time in found["fire_times"]])


def _switch(schedule: str, tenant: str | None, *, is_active: bool, as_json: bool) -> None:
    changed = open_api(tenant).patch(f"{_SCHEDULES}/{schedule}", {"is_active": is_active})
    if as_json:
        return print_json(changed)
    following = short_time(changed["next_run_time"])
    state = f"active; it fires next at {following} UTC" if changed["is_active"] else "paused"
    return print_lines(f"{schedule} is {state}", *changed.get("warnings", ()))
