"""Starts, lists, shows, awaits, repeats and cancels runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from convergence.api import REFUSED, Api, Json, Stopped, open_api
from convergence.options import AsJson, Day, Most, Parameters, Pipeline, Tenant, named, parts_of
from convergence.output import days_of, print_json, print_lines, print_table, published, short_time

app = typer.Typer(help="Start, list, show, await, repeat and cancel runs.", no_args_is_help=True)
_RUNS = "/api/v1/pipelines/runs/{tenant_id}"
_ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_LOOK_SECONDS = 5.0  # each look at an unfinished run costs a query
Run = Annotated[str, typer.Argument(metavar="RUN", help="The pipeline_logging_id of the run.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; status 1 unless the run is COMPLETED.")]
Seconds = Annotated[int, typer.Option("--timeout", min=1, metavar="SECONDS", help="The longest wait.")]


@app.command("list")
def list_runs(
    *,
    status: Annotated[str | None, typer.Option(help="PENDING, RUNNING, COMPLETED, FAILED or CANCELLED.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Such as gcp/cost/billing.")] = None,
    limit: Most = 20,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """List the tenant's runs, newest first."""
    asked = {"status": status, "pipeline_id": pipeline and pipeline.replace("/", "-")}
    found = open_api(tenant).pages(_RUNS, "runs", most=limit, **asked)
    if as_json:
        return print_json(found)
    rows = [
        (
            run["pipeline_logging_id"],
            run["pipeline_id"],
            run["status"],
            short_time(run["created_at"]),
            days_of(run),
            run["rows_published"],
            run["error_class"] or run["wait_reason"],
        )
        for run in found["runs"]
    ]
    columns = ("run", "pipeline", "status", "created (UTC)", "days", "rows", "reason")
    print_table(columns, rows, numbers=["rows"])
    return None


@app.command()
def show(run: Run, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Show a run with its steps, and with its checks that did not pass."""
    found = open_api(tenant).get(f"{_RUNS}/{run}")
    print_json(found) if as_json else _print_run(found)


@app.command()
def start(
    pipeline: Pipeline,
    *,
    date: Day = None,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The first UTC day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The last UTC day.")] = None,
    parameters: Parameters = None,
    wait: Wait = False,
    timeout: Seconds = 3600,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Start a run of a day or of a range. Without dates it loads whatever is new since the last run."""
    api = open_api(tenant)
    body = named(parameters) | {"date": date, "start_date": first, "end_date": last}
    answer = api.post(_run_path(pipeline), _given(body), keyed=True)
    if wait:
        return _await(api, answer["pipeline_logging_id"], timeout, as_json=as_json)
    if as_json:
        return print_json(answer)
    return print_lines(f"{answer['pipeline_logging_id']} is {answer['status']}: {answer['message']}")


@app.command()
def backfill(
    pipeline: Pipeline,
    *,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first UTC day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last UTC day.")],
    parameters: Parameters = None,
    preview: Annotated[bool, typer.Option("--preview", help="Say what it would do, and queue nothing.")] = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Load a long range with one run for each calendar month, newest first."""
    asked = {"start_date": first, "end_date": last, "split": "month", "preview": preview or None}
    body = named(parameters) | asked
    answer = open_api(tenant).post(_run_path(pipeline), _given(body), keyed=not preview)
    if as_json:
        return print_json(answer)
    print_table(
        ("first day", "last day", "run"),
        [(run["start_date"], run["end_date"], run.get("pipeline_logging_id")) for run in answer["runs"]],
    )
    return print_lines(answer["message"])


@app.command()
def wait(run: Run, timeout: Seconds = 3600, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Wait until a run has ended; status 1 unless it is COMPLETED."""
    _await(open_api(tenant), run, timeout, as_json=as_json)


@app.command()
def retry(run: Run, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Start a run with the parameters of one that has ended."""
    answer = open_api(tenant).post(f"{_RUNS}/{run}/retry", keyed=True)
    if as_json:
        return print_json(answer)
    return print_lines(f"{answer['pipeline_logging_id']} is {answer['status']}: {answer['message']}")


@app.command()
def cancel(run: Run, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Request the cancellation of a run."""
    answer = open_api(tenant).post(f"{_RUNS}/{run}/cancel")
    print_json(answer) if as_json else print_lines(f"{run} was {answer['status']}: {answer['message']}")


def await_end(
    look: Callable[[], Json], seconds: float, *, clock: Callable[[], float], pause: Callable[[float], None]
) -> Json | None:
    """The run after its end, or None if it has not ended within `seconds`. It looks at once, then every 5 seconds."""
    ends_at = clock() + seconds
    while True:
        run = look()
        if run["status"] in _ENDED:
            return run
        left = ends_at - clock()
        if left <= 0:
            return None
        pause(min(_LOOK_SECONDS, left))


def _await(api: Api, run: str, seconds: int, *, as_json: bool) -> None:
    ended = await_end(lambda: api.get(f"{_RUNS}/{run}"), seconds, clock=time.monotonic, pause=time.sleep)
    if ended is None:
        raise Stopped(
            f"{run} has not ended after {seconds} seconds; it goes on. `runs show` tells its status.", REFUSED
        )
    print_json(ended) if as_json else _print_run(ended)
    if ended["status"] != "COMPLETED":
        raise typer.Exit(REFUSED)


def _print_run(run: Json) -> None:
    print_lines(
        f"{run['pipeline_logging_id']}  {run['pipeline_id']}  {run['status']}",
        f"created {short_time(run['created_at'])} UTC, ended {short_time(run['completed_at']) or 'not yet'}",
        published(run),
        f"waits: {run['wait_reason']}, place {run['queue_position']} in the queue" if run["wait_reason"] else None,
        f"{run['error_class']}: {run['error_message']}" if run["error_class"] else None,
    )
    if run["steps"]:
        steps = [
            (step["step_id"], step["status"], step["rows"], f"{step['duration_ms'] / 1000:.1f}", step["error_message"])
            for step in run["steps"]
        ]
        print_table(("step", "status", "rows", "seconds", "error"), steps, numbers=["rows", "seconds"], prose=["error"])
    for check in run["checks"]:
        if not check["passed"]:
            values = f"expected {check['expected']}, observed {check['observed']}"
            print_lines(f"check {check['check_id']} ({check['severity']}): {values}")


def _run_path(pipeline: str) -> str:
    return "/api/v1/pipelines/run/{tenant_id}/" + "/".join(parts_of(pipeline))


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
