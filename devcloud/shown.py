"""Formats the output of commands: addresses, BigQuery's jobs, rows of a query."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from devcloud.invocation import command, shell_word

Json = dict[str, Any]
_JOB = "{:<12}  {:>9}  {:<7}  {:<14}  {:<24}  {:<36}  {}"
_UNBOUNDED = 10_000  # columns of a pipe or file, whose reader needs whole lines
_NUMBERS = frozenset({"INTEGER", "INT64", "FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC"})


def outgrown(tables: Mapping[str, str], state_dir: object) -> str:
    """Prints the tenants' tables of earlier versions that cannot be changed in place, and what to do about them."""
    lines = [f"devcloud: {name} cannot be changed in place: {problem}" for name, problem in tables.items()]
    if lines:
        drop = f"{command()} query --state-dir {shell_word(state_dir)} 'DROP TABLE {next(iter(tables))}'"
        lines.append(f"  Drop such a table and run its pipeline again: {drop}")
        lines.append("  Or start over: remove the state directory, or name another one with --state-dir.")
    return "\n".join(lines)


def welcome(ready: Json, state_dir: object) -> str:
    """Prints what `up` shows when it is ready."""
    run, state = command(), f"--state-dir {shell_word(state_dir)}"
    return f"""devcloud is ready; Ctrl-C stops it.

{places(ready)}

Try, from another terminal:

  curl -s {ready["gateway"]}/_devcloud/health
  {run} onboard acme_corp {state}
  {run} seed-billing {state} --project acme-gcp
  {run} query "SELECT tenant_id, status FROM tenants.tenant_profiles" {state}
  {run} jobs {state}
"""


def places(ready: Json) -> str:
    """Prints all addresses, and the environment of an official BigQuery client that stays on this machine."""
    lines = {"gateway": ready["gateway"], "bigquery": ready["bigquery"]} | ready["services"]
    lines |= {"project": f"{ready['project']} in {ready['region']}", "admin key": ready["admin_key"]}
    listed = "\n".join(f"{name:<16} {value}" for name, value in lines.items())
    wanted = ("BIGQUERY_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS")
    way_out = ("https_proxy", "no_proxy", "REQUESTS_CA_BUNDLE")
    exports = "\n".join(f"  export {name}={shell_word(ready['env'][name])}" for name in wanted + way_out)
    return f"{listed}\n\nfor an official BigQuery client, in a shell that is to reach nothing else\n{exports}"


def job_lines(jobs: Iterable[Json]) -> Iterator[str]:
    """A heading and a line for each job, oldest first."""
    yield _JOB.format("began, UTC", "took", "state", "statement", "caller", "request id", "job id, tables")
    for job in jobs:
        began = datetime.fromtimestamp(job["created_at_ms"] / 1000, UTC)
        # The product labels a job with the id of its request. Other jobs have the client's own id of the call.
        request_id = job["labels"].get("request_id") or job["request_id"] or "-"
        yield _JOB.format(
            f"{began:%H:%M:%S}.{began.microsecond // 1000:03}",
            f"{job['duration_ms']:,} ms",
            "FAILED" if job["error"] else job["state"],
            job["statement"],
            job["caller"].partition("@")[0],
            request_id,
            " ".join(filter(None, [job["id"], ", ".join(job["tables"]), job["error"]])),
        )


def rows_table(fields: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> Table:
    """A table of rows with (name, type) fields. Numbers are right-aligned, and NULL differs from an empty string."""
    table = Table()
    for name, kind in fields:
        table.add_column(Text(name), justify="right" if kind in _NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def print_table(table: Table) -> None:
    """Print as wide as the terminal; to a pipe or file, as wide as the rows need."""
    Console(width=None if sys.stdout.isatty() else _UNBOUNDED).print(table)


def print_json(content: object) -> None:
    """Print JSON to standard output; decimals, times and NaN, which JSON does not have, become strings."""
    json.dump(_finite(content), sys.stdout, indent=2, default=_text, allow_nan=False)
    print()


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return str(content) if isinstance(content, float) and not isfinite(content) else content


def _cell(value: Any) -> Text:
    if value is None:
        return Text("NULL", style="dim")
    return Text(json.dumps(value, default=_text) if isinstance(value, dict | list) else _text(value))


def _text(value: Any) -> str:
    if isinstance(value, date):  # a datetime is a date too
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.hex() if isinstance(value, bytes) else str(value)
