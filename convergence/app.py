"""Puts the commands together, and reports every failure as one line with an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from convergence import alerts, costs, credentials, operator, pipelines, rates, reconciliation, runs, schedules, tags
from convergence.api import Stopped
from shared.runtime.terminal import without_commands

_HELP = """\
Convergence, from the command line.

Tenants' commands call the HTTP API. They need CONVERGENCE_URL, the address of the API, and CONVERGENCE_API_KEY.
If the functions have no common address, write `{service}` for their names in CONVERGENCE_URL.

Operators' commands use Google's APIs with your identity. They need PROJECT_ID and BIGQUERY_LOCATION.

Exit status: 0 if it is done, 1 if it is refused or failed, 2 if the command could not start, 3 if the platform
does not answer.
"""
app = typer.Typer(
    name="convergence", help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)
app.add_typer(runs.app, name="runs")
app.add_typer(schedules.app, name="schedules")
app.add_typer(credentials.app, name="credentials")
app.add_typer(alerts.app, name="alerts")
app.add_typer(tags.app, name="tags")
app.add_typer(rates.app, name="rates")
of_costs = (costs.costs, costs.restatements, reconciliation.reconciliation, costs.usage)
for command in (runs.backfill, pipelines.pipelines, *of_costs):
    app.command()(command)
operator.add_to(app, credentials=credentials.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    try:
        app(list(sys.argv[1:] if arguments is None else arguments), prog_name="python -m convergence")
    except Stopped as stopped:
        print(without_commands(str(stopped)), file=sys.stderr)
        return stopped.status
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0
