"""Shows a tenant's costs, and how much of its limits is left."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import typer

from convergence.api import Json, open_api
from convergence.options import AsJson, Day, Most, Tenant
from convergence.output import print_json, print_lines, print_table, short_time
from shared.domain.costs import final_until

_BAR = 20


def costs(
    *,
    days: Annotated[int, typer.Option(min=1, max=1200, metavar="N", help="The last N UTC days, today included.")] = 30,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The first UTC day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The last UTC day.")] = None,
    by: Annotated[
        str,
        typer.Option(
            help="service, category, provider, account, subaccount, region, sku, charge_category, "
            "tag:KEY or virtual:NAME."
        ),
    ] = "service",
    metric: Annotated[str, typer.Option(help="billed, effective, contracted or list.")] = "billed",
    granularity: Annotated[str, typer.Option(help="total, day or month.")] = "total",
    only: Annotated[str | None, typer.Option("--filter", help="Such as service:BigQuery.")] = None,
    top: Annotated[int, typer.Option(min=1, max=200, help="How many groups keep their names.")] = 20,
    currency: Annotated[str | None, typer.Option(help="Convert to it by the tenant's own rates, such as EUR.")] = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Show the costs by group. The default is billed cost, after credits; --metric selects another."""
    until = _day(last) if last else datetime.now(UTC).date()
    since = first or (until - timedelta(days=days - 1)).isoformat()
    query = {"from": since, "to": until.isoformat(), "group_by": by, "metric": metric, "granularity": granularity}
    shown = open_api(tenant).get("/api/v1/costs/{tenant_id}", filter=only, top=top, currency=currency, **query)
    print_json(shown) if as_json else _print_costs(shown)


def restatements(
    *,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only changes after it: 2025-11-20T00:00:00Z.")
    ] = None,
    day: Day = None,
    limit: Most = 50,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """List the published days whose costs a run changed, the latest change first."""
    asked = {"since": since, "from": day, "to": day}
    api = open_api(tenant)
    found = api.pages("/api/v1/costs/{tenant_id}/restatements", "restatements", most=limit, **asked)
    if as_json:
        return print_json(found)
    columns = ("changed (UTC)", "day", "currency", "before", "after", "change", "run")
    rows = [
        (
            short_time(row["restated_at"]),
            row["usage_date"],
            row["billing_currency"],
            row["billed_cost_before"],
            row["billed_cost_after"],
            row["billed_cost_change"],
            row["pipeline_logging_id"],
        )
        for row in found["restatements"]
    ]
    return print_table(columns, rows, numbers=["before", "after", "change"])


def usage(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Show the tenant's limits, and how much of them is used."""
    found = open_api(tenant).get("/api/v1/usage/{tenant_id}")
    if as_json:
        return print_json(found)
    return print_lines(
        f"today: {found['used_today']} of {found['daily_limit']} runs, until {short_time(found['resets_at'])} UTC",
        f"now: {found['running']} of {found['concurrent_limit']} running, "
        f"{found['waiting']} of {found['waiting_limit']} waiting",
        f"schedules: {found['schedules']} active, {found['schedules_due_today']} due today",
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is not a day as YYYY-MM-DD") from None


def _print_costs(shown: Json) -> None:
    print_lines(f"{shown['metric']} cost from {shown['from']} to {shown['to']} (UTC days)")
    for block in shown["currencies"]:
        print_lines("", f"{block['billing_currency']} {_amount(block['cost'])}")
        if shown["granularity"] == "total":
            _print_totals(shown["group_by"], block)
        else:
            rows = [
                (_name(group), period["period"], _amount(period["cost"]))
                for group in block["groups"]
                for period in group["periods"]
            ]
            print_table((shown["group_by"], shown["granularity"], "cost"), rows, numbers=["cost"])
    if not shown["currencies"]:
        print_lines("There are no costs of these days.")
    for provider, through in shown["data_through"].items():
        print_lines(until_line(provider, through, shown["final_through"][provider]))


def until_line(provider: str, data_through: str | None, final_through: str | None) -> str:
    """How far a provider's data reaches, and up to which of these days it is final."""
    until = final_until(data_through, final_through)
    data = f"data until {data_through}" if data_through else "no data"
    return f"{provider}: {data}, {f'final until {until}' if until else 'nothing final yet'}"


def _print_totals(group_by: str, block: Json) -> None:
    most = max((abs(Decimal(group["cost"])) for group in block["groups"]), default=Decimal(0))
    rows = [
        (
            _name(group),
            _amount(group["cost"]),
            "█" * round(_BAR * max(Decimal(0), Decimal(group["cost"])) / (most or 1)),
        )
        for group in block["groups"]
    ]
    print_table((group_by, "cost", ""), rows, numbers=["cost"])


def _name(group: Json) -> str:
    return "(others)" if group["is_rest"] else (group["name"] or "(none)")


def _amount(cost: str) -> str:
    return f"{Decimal(cost):,.2f}"
