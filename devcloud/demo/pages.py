"""Prints the demo's output, with one function for each picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.bar import Bar
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from devcloud.demo.ledger import Cost
from shared.configuration.templates import get_template

Json = dict[str, Any]
_CENT = Decimal("0.01")
_SERVICES_SHOWN = 10
_REASONS = {
    "PIPELINE_BUSY": "the run before it has not left the queue yet",
    "CONCURRENT_LIMIT": "the tenant's other runs take every slot",
}


def credentials_table(answers: Iterable[Json]) -> Table:
    """Prints the answer of setup_credentials."""
    table = _table("tenant", "provider", "action", "dataset", "tables created")
    for answer in answers:
        created = str(len(answer["tables_created"]))
        table.add_row(answer["tenant_id"], answer["provider"], answer["action"], answer["dataset_status"], created)
    return table


def run_table(run: Json) -> Table:
    """A run's steps with their durations, and the checks that did not pass."""
    table = _table("step", "type", "status", "rows", "took")
    for step in run["steps"]:
        took = f"{step['duration_ms'] / 1000:.2f} s" if step.get("duration_ms") is not None else ""
        # The row that a check returns is its result, not a row of the data.
        has_rows = step.get("rows") is not None and step["step_type"] != "checks"
        rows = f"{step['rows']:,}" if has_rows else ""
        table.add_row(step["step_id"], step["step_type"], _status(step["status"]), rows, took)
    passed = [check for check in run["checks"] if check["passed"]]
    table.add_row(f"  {len(passed)} of {len(run['checks'])} checks", "", "[green]passed[/]", "", "")
    for check in run["checks"]:
        if not check["passed"]:
            table.add_row(f"  {check['check_id']}", check["severity"], "[red]failed[/]", str(check["observed"]), "")
    return table


def cost_table(cost: Cost, days: Sequence[date], currency: str) -> Table:
    """Net cost by service and day, the dearest services first, with a bar for each service's share."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("service", style="cyan", no_wrap=True, width=24)
    for day in days:
        table.add_column(f"{day:%d %b}", justify="right", no_wrap=True)
    table.add_column(f"net {currency}", justify="right", style="bold", no_wrap=True)
    table.add_column("", width=16)
    ranked = sorted(cost.by_service.items(), key=lambda item: (-_sum(item[1]), item[0]))
    dearest = max((_sum(by_day) for _, by_day in ranked), default=Decimal(1)) or Decimal(1)
    for service, by_day in ranked[:_SERVICES_SHOWN]:
        bar = Bar(size=float(dearest), begin=0, end=max(float(_sum(by_day)), 0), color="cyan")
        table.add_row(service, *(_money(by_day.get(day)) for day in days), _money(_sum(by_day)), bar)
    if others := ranked[_SERVICES_SHOWN:]:
        sums = [_sum({name: by_day.get(day, Decimal(0)) for name, by_day in others}) for day in days]
        table.add_row(f"{len(others)} more", *map(_money, sums), _money(sum(sums, Decimal(0))), "")
    table.add_section()
    per_day = [_sum({name: by_day.get(day, Decimal(0)) for name, by_day in ranked}) for day in days]
    table.add_row("all services", *map(_money, per_day), _money(cost.total), "", style="bold")
    return table


def categories(billed: Mapping[str, Decimal]) -> Padding:
    """Net cost by category, as an indented paragraph."""
    return Padding(", ".join(f"{category} {_money(total)}" for category, total in billed.items()), (0, 0, 0, 3))


def quota_table(before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]) -> Table:
    """Quota used today, before and after."""
    table = _table("tenant", "daily limit", "used before", "used after", "concurrent limit")
    for tenant_id, quota in after.items():
        table.add_row(
            tenant_id, str(quota["daily_limit"]), str(before[tenant_id]["used"]), f"[bold]{quota['used']}[/]",
            str(quota["concurrent_limit"]),
        )  # fmt: skip
    return table


def answered(answer: Json) -> str:
    """The status in the answer to POST run, and the reason why the run waits."""
    reason = answer.get("wait_reason")
    return f"{answer['status']} ({reason}: {_REASONS[reason]})" if reason else str(answer["status"])


def run_line(console: Console, run: Json) -> None:
    """The run with its outcome and duration, and on a second line the number of rows in each table."""
    took = _seconds_between(run["created_at"], run["completed_at"])
    console.print(
        f"run {run['pipeline_logging_id'][:8]} of [bold]{run['pipeline_id']}[/] is {_status(run['status'])} "
        f"{took:.1f} s after the request{_published(run)}"
    )


def _published(run: Json) -> str:
    """The number of rows in each table of the run's template."""
    rows = {step["step_id"]: step.get("rows") for step in run["steps"] if run["status"] == "COMPLETED"}
    template = get_template(*run["pipeline_id"].split("-"))
    tables = [f"{rows[target.step]:,} rows in {target.table}" for target in template.publish if rows.get(target.step)]
    return f"\n   published: {' and '.join(tables)}" if tables else ""


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in {"rows", "took"} else "left")
    return table


def _status(status: str) -> str:
    return f"[{'green' if status in {'COMPLETED', 'SUCCEEDED', 'SUCCESS'} else 'red'}]{status}[/]"


def _sum(values: Mapping[Any, Decimal]) -> Decimal:
    return sum(values.values(), Decimal(0))


def _money(value: Decimal | None) -> str:
    return "" if value is None else f"{value.quantize(_CENT):,}"


def _seconds_between(first: str, last: str) -> float:
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
