"""Lists and sets a tenant's exchange rates."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from convergence.api import open_api
from convergence.options import AsJson, Tenant
from convergence.output import print_json, print_lines, print_table, short_time

app = typer.Typer(help="List and set the rates by which `costs --currency` converts.", no_args_is_help=True)
_RATES = "/api/v1/costs/{tenant_id}/rates"


@app.command("list")
def list_rates(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """List the rates, the newest month first."""
    found = open_api(tenant).get(_RATES)
    if as_json:
        return print_json(found)
    rows = [
        (rate["month"], rate["from_currency"], rate["to_currency"], rate["rate"], short_time(rate["updated_at"]))
        for rate in found["rates"]
    ]
    return print_table(("month", "one", "is in", "rate", "set (UTC)"), rows, numbers=["rate"])


@app.command("set")
def set_rates(
    month: Annotated[str, typer.Argument(metavar="YYYY-MM", help="The month.")],
    currency: Annotated[str, typer.Argument(metavar="CURRENCY", help="What costs are converted to, such as EUR.")],
    rates: Annotated[list[str], typer.Argument(metavar="FROM=RATE...", help="Such as USD=0.86 GBP=1.149.")],
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Set rates of a month, all or none. A rate of a month that has ended can be set once, and stays."""
    pairs = [rate.partition("=") for rate in rates]
    if wrong := [rate for rate, (name, _, value) in zip(rates, pairs, strict=True) if not (name and value)]:
        raise typer.BadParameter(f"{wrong[0]} is not FROM=RATE, such as USD=0.86")
    body = {"currency": currency, "rates": {name: value for name, _, value in pairs}}
    answer = open_api(tenant).put(f"{_RATES}/{quote(month, safe='')}", body)
    if as_json:
        return print_json(answer)
    lines = [f"1 {name} of {answer['month']} is {rate} {answer['currency']}" for name, rate in answer["rates"].items()]
    return print_lines(*lines)
