"""The operator's commands. They use the Google identity of the caller."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from convergence.api import NOT_STARTED, Json
from convergence.options import AsJson
from convergence.output import print_json, print_lines, print_table, short_time

_AS_IT_IS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def status(as_json: AsJson = False) -> None:
    """Show the scheduler: the queue, its jobs, tenants near their limit, and what is overdue."""
    from shared.commands.operator_command import carried_out, missing_settings

    if missing := missing_settings():
        print(f"set these in the environment: {', '.join(missing)}", file=sys.stderr)
        raise typer.Exit(NOT_STARTED)
    raise typer.Exit(carried_out(lambda: _show_status(as_json=as_json)))


def tenants(context: typer.Context) -> None:
    """Onboard, change, suspend and show tenants; `tenants --help` lists what it does."""
    from shared.commands.tenants import main

    raise typer.Exit(main(context.args))


def migrate(context: typer.Context) -> None:
    """Change existing tables so that they match configs/tables; see `migrate --help`."""
    from shared.commands.migrate import main

    raise typer.Exit(main(context.args))


def reencrypt(context: typer.Context) -> None:
    """Encrypt stored credentials anew after a rotation of the key; see `reencrypt --help`."""
    from shared.commands.reencrypt import main

    raise typer.Exit(main(context.args))


def templates(context: typer.Context) -> None:
    """Validate, explain and begin pipeline templates; see `templates --help`."""
    from shared.authoring.cli import main

    raise typer.Exit(main(context.args))


def add_to(app: typer.Typer, *, credentials: typer.Typer) -> None:
    """Register the operator's commands. The one that encrypts credentials anew is among those of credentials too."""
    credentials.command(context_settings=_AS_IT_IS)(reencrypt)
    app.command(rich_help_panel="Operators")(status)
    for command in (tenants, migrate, reencrypt, templates):
        app.command(context_settings=_AS_IT_IS, rich_help_panel="Operators")(command)


def _show_status(*, as_json: bool) -> int:
    from shared import bootstrap
    from shared.http.responses import json_text

    found: Json = json.loads(json_text(bootstrap.platform_status().show()))
    if as_json:
        print_json(found)
    else:
        _print_status(found)
    return 1 if found["overdue"] else 0


def _print_status(found: Json) -> None:
    waiting = ", ".join(f"{count} {reason}" for reason, count in found["waiting"].items()) or "none"
    ended = ", ".join(f"{count} {outcome}" for outcome, count in found["runs_last_24h"].items()) or "none"
    print_lines(
        f"as of {short_time(found['as_of'])} UTC",
        f"queue: {found['live_leases']} running; waiting: {waiting}",
        f"oldest waits for {found['oldest_waiting_seconds']} s"
        if found["oldest_waiting_seconds"] is not None
        else None,
        f"runs of the last 24 hours: {ended}",
        "",
    )
    jobs = [
        (name, short_time(job["last_started_at"]), short_time(job["last_success_at"])) for name, job in _jobs(found)
    ]
    print_table(("job", "last started (UTC)", "last success (UTC)"), jobs)
    near = [
        (row["tenant_id"], f"{row['pipelines_run_today']} of {row['daily_limit']}")
        for row in found["tenants_near_limit"]
    ]
    if near:
        print_lines("")
        print_table(("tenant near its daily limit", "runs today"), near)
    print_lines(*(f"overdue: {item['what']} since {short_time(item['since'])} UTC" for item in found["overdue"]))


def _jobs(found: Json) -> list[tuple[str, dict[str, Any]]]:
    return sorted(found["jobs"].items())
