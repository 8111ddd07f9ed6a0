"""Shows and sets a tenant's rules for alerts, and tests its webhook."""

from __future__ import annotations

from typing import Annotated

import typer

from convergence.api import Json, open_api
from convergence.options import AsJson, Tenant
from convergence.output import print_json, print_lines, print_table, short_time

app = typer.Typer(
    help="Show and set a budget, a search for anomalies, and the webhook that gets the alerts.", no_args_is_help=True
)
_ALERTS = "/api/v1/alerts/{tenant_id}"
_MAX_PERCENT = 1000
Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="Such as 1000 or 99.50.")]
Currency = Annotated[str, typer.Argument(metavar="CURRENCY", help="Such as USD. Other currencies are not counted.")]
Metric = Annotated[str, typer.Option(help="billed or effective.")]
Filter = Annotated[str | None, typer.Option("--filter", help="Such as service:BigQuery.")]


@app.command()
def show(
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="How many alerts.")] = 20,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Show the rules, how they stand, and the last alerts."""
    shown = open_api(tenant).get(_ALERTS, limit=limit)
    print_json(shown) if as_json else _print_alerts(shown)


@app.command()
def set_budget(
    amount: Amount,
    currency: Currency,
    *,
    at: Annotated[
        list[int] | None, typer.Option(min=1, max=_MAX_PERCENT, metavar="PERCENT", help="50, 80 and 100 if left out.")
    ] = None,
    metric: Metric = "billed",
    only: Filter = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Set the monthly budget. Each threshold alerts at most once a month."""
    body = {"amount": amount, "currency": currency, "metric": metric, "filter": only}
    _set(tenant, "budget", body | ({"thresholds": at} if at else {}), as_json=as_json)


@app.command()
def set_anomalies(
    minimum_amount: Amount,
    currency: Currency,
    *,
    sensitivity: Annotated[int, typer.Option(min=1, max=20, help="Deviations above the median that are unusual.")] = 5,
    metric: Metric = "billed",
    only: Filter = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Set the daily search for services that cost at least AMOUNT more than usual."""
    body = {"minimum_amount": minimum_amount, "currency": currency, "metric": metric, "filter": only}
    _set(tenant, "anomalies", body | {"sensitivity": sensitivity}, as_json=as_json)


@app.command()
def set_webhook(
    url: Annotated[str, typer.Argument(help="Such as https://example.com/alerts.")],
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Set the address that gets the alerts. The secret is printed once, so keep it."""
    answer = open_api(tenant).put(f"{_ALERTS}/webhook", {"url": url})
    if as_json:
        return print_json(answer)
    return print_lines(f"secret: {answer['secret']}", "It is not shown again.", *answer["warnings"])


@app.command()
def remove(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="budget, anomalies or webhook.")],
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Remove a rule. Its alerts stay in the list."""
    if rule not in {"budget", "anomalies", "webhook"}:
        raise typer.BadParameter(f"{rule} is not budget, anomalies or webhook")
    answer = open_api(tenant).delete(f"{_ALERTS}/{rule}")
    print_json(answer) if as_json else print_lines(f"{rule} is removed", *answer["warnings"])


@app.command("test")
def send_test(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Send a test message to the webhook. `show` says whether it arrived."""
    answer = open_api(tenant).post(f"{_ALERTS}/webhook/test")
    print_json(answer) if as_json else print_lines(f"{answer['message_id']} will be sent; `show` says if it arrived")


def _set(tenant: str | None, rule: str, body: Json, *, as_json: bool) -> None:
    answer = open_api(tenant).put(f"{_ALERTS}/{rule}", body)
    print_json(answer) if as_json else print_lines(f"{rule} is set", *answer["warnings"])


def _print_alerts(shown: Json) -> None:
    for line in (_budget(shown["budget"]), _anomalies(shown["anomalies"]), _webhook(shown["webhook"])):
        print_lines(line)
    print_lines(*shown["warnings"])
    if shown["alerts"]:
        columns = ("found (UTC)", "alert", "cost", "", "message")
        print_table(columns, [_row(alert) for alert in shown["alerts"]], numbers=["cost"], prose=["alert", "message"])
    else:
        print_lines("There are no alerts.")


def _budget(rule: Json | None) -> str:
    if rule is None:
        return "budget: none"
    told = f"budget: {rule['amount']} {rule['currency']} a month, {rule['metric']} cost{_only(rule)}"
    state = rule["state"]
    if state is None:
        return f"{told}; not compared with the costs yet"
    if state["month"] is None:
        return told  # a warning of the answer says why
    others = "".join(f"; not counted: {each['cost']} {each['billing_currency']}" for each in state["not_counted"])
    return f"{told}; {state['month']}: {state['cost']}, which is {state['percent']} %{others}"


def _anomalies(rule: Json | None) -> str:
    if rule is None:
        return "anomalies: none"
    told = f"anomalies: at least {rule['minimum_amount']} {rule['currency']} more than usual{_only(rule)}"
    reach = (rule["state"] or {}).get("complete_through") or {}
    return "; ".join([told, *(f"{provider} judged until {day}" for provider, day in reach.items())])


def _webhook(rule: Json | None) -> str:
    if rule is None:
        return "webhook: none"
    told = f"webhook: {rule['url']}"
    return f"{told}; last test: {_delivery(rule['tests'][0])}" if rule["tests"] else told


def _only(rule: Json) -> str:
    return f", only {rule['filter']}" if rule["filter"] else ""


def _row(alert: Json) -> tuple[str | None, ...]:
    if alert["kind"] == "budget":
        what = f"{alert['month']} reached {alert['threshold_percent']} % of {alert['amount']}"
    else:
        what = f"{alert['day']} {alert['provider']} {alert['service']}, usually {alert['median']}"
    state = "resolved" if alert["resolved_at"] else ""
    cost = f"{alert['cost']} {alert['currency']}"
    return short_time(alert["fired_at"]), what, cost, state, _delivery(alert["delivery"])


def _delivery(delivery: Json | None) -> str | None:
    if delivery is None:
        return None
    return f"{delivery['state']}: {delivery['problem']}" if delivery["problem"] else str(delivery["state"])
