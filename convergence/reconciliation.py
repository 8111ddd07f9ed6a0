"""Shows a tenant's costs beside those that its providers delivered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import typer

from convergence.api import REFUSED, Json, open_api
from convergence.options import AsJson, Tenant
from convergence.output import print_json, print_lines, print_table

_COLUMNS = ("period", "issuer", "invoice", "billed", "source", "difference", "")


def reconciliation(
    *,
    first: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="A day of the first month, else of last month.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="A day of the last month, else today.")
    ] = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Compare the billed cost of each invoice with the provider's own rows; status 1 if one differs."""
    today = datetime.now(UTC).date()
    since = first or (today.replace(day=1) - timedelta(days=1)).isoformat()
    query = {"from": since, "to": last or today.isoformat()}
    found = open_api(tenant).get("/api/v1/costs/{tenant_id}/reconciliation", **query)
    print_json(found) if as_json else _print_blocks(found)
    if any(Decimal(line["difference"]) for block in found["currencies"] for line in block["lines"]):
        raise typer.Exit(REFUSED)


def _print_blocks(found: Json) -> None:
    print_lines(f"billed cost and the providers' own rows from {found['from']} to {found['to']}")
    for block in found["currencies"]:
        sums = f"billed {block['billed_cost']}, source {block['source_cost']}, difference {block['difference']}"
        print_lines("", f"{block['billing_currency'] or '(no currency)'} {sums}")
        print_table(_COLUMNS, [_row(line) for line in block["lines"]], numbers=["billed", "source", "difference"])
    if not found["currencies"]:
        print_lines("There are no costs of these months.")


def _row(line: Json) -> tuple[str | None, ...]:
    state = "final" if line["is_final"] else "not final"
    costs = (line["billed_cost"], line["source_cost"], line["difference"])
    return line["billing_period"], line["invoice_issuer"], line["invoice_id"], *costs, state
