"""Shows what was spent: by group, by day, and how final it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from shared import bootstrap
from shared.console.cost_tables import currency_blocks
from shared.console.periods import DEFAULT, PERIODS, Period, period_until
from shared.console.policies import TenantPageCall, tenant_page
from shared.console.replies import Page, Redirect
from shared.console.site import Route
from shared.domain.cost_properties import read_filters, write_condition, write_property
from shared.domain.costs import final_until
from shared.errors import InvalidInput

PATH, LATEST = "/console/costs", "/console/costs/latest"
GROUPS = {  # each as a title, and inside a sentence
    "service": ("Service", "service"),
    "category": ("Category", "category"),
    "provider": ("Cloud", "cloud"),
    "subaccount": ("Account or project", "account or project"),
    "region": ("Region", "region"),
    "sku": ("SKU", "SKU"),
    "charge_category": ("Kind of charge", "kind of charge"),
}
METRICS = {
    "billed": ("Billed", "Net billed cost: what the invoices say, after credits and discounts (BilledCost)."),
    "effective": (
        "Effective",
        "Net effective cost: as billed, but prepaid commitments are spread over the days they cover (EffectiveCost).",
    ),
}
# A day without costs: the answer only says how far the data reaches.
_NOTHING = {"from": "2000-01-01", "to": "2000-01-01", "granularity": "total"}
_FIELDS = frozenset({"period", "from", "to", "group_by", "metric", "filter"})
_RECENT_DAYS = 7  # a restated day is marked for a week


def show_costs(call: TenantPageCall) -> Page | Redirect:
    """The costs of a period, without a choice the last 30 days. One job, or none while the answer is kept."""
    today = datetime.now(UTC).date()
    query = {name: value for name, value in call.query.items() if name in _FIELDS and value}
    period = _period(query, today)
    wanted = {
        "from": period.first,
        "to": period.last,
        "group_by": query.get("group_by", "service"),
        "metric": query.get("metric", "billed"),
    } | ({"filter": query["filter"]} if "filter" in query else {})
    try:
        shown = bootstrap.tenant_costs().show(call.caller.reader, wanted | _always(today))
    except InvalidInput as error:
        return _page(wanted, period, None, problem=error.message, status=400)
    if not shown["currencies"] and not query:
        return Redirect(LATEST)
    return _page(wanted, period, shown)


def show_latest(call: TenantPageCall) -> Page | Redirect:
    """Lead to the last 30 days that have data; without any data, a page that says what to do. One job, or none."""
    shown = bootstrap.tenant_costs().show(call.caller.reader, _NOTHING)
    newest = max((day for day in shown["data_through"].values() if day), default=None)
    if newest is None:
        return Page("no_costs.html", "Costs")
    found = period_until(DEFAULT, newest)
    return Redirect(_address({"period": "custom", "from": found.first, "to": found.last}))


def _period(query: Mapping[str, str], today: date) -> Period:
    choice = query.get("period", "custom" if "from" in query or "to" in query else DEFAULT)
    if choice == "custom" or choice not in PERIODS:
        return Period("custom", query.get("from", ""), query.get("to", ""))
    return period_until(choice, today)


def _always(today: date) -> dict[str, str]:
    since = datetime.combine(today - timedelta(days=_RECENT_DAYS), time(), UTC)
    return {"granularity": "day", "compare": "previous_period", "restated_since": since.isoformat()}


def _page(
    wanted: Mapping[str, str], period: Period, shown: Mapping[str, Any] | None, *, problem: str = "", status: int = 200
) -> Page:
    group_by, metric = wanted["group_by"], wanted["metric"]
    # A tag is no choice of the form, but an address may name one.
    groups = GROUPS if group_by in GROUPS else {**GROUPS, group_by: (group_by, group_by)}
    content = {
        "wanted": wanted,
        "period": period,
        "periods": PERIODS,
        "groups": groups,
        "group": groups[group_by],
        "metrics": METRICS,
        "metric": METRICS.get(metric, METRICS["billed"]),
        "filtered": _filtered(wanted.get("filter")),
        "blocks": currency_blocks(shown, nameless=f"No {groups[group_by][1]}") if shown else [],
        "finality": _finality(shown) if shown else [],
        "shown": shown,
        "problem": problem,
        "address": lambda **changes: _address(_parameters(wanted, period) | changes),
        "drill": lambda name: _drill(wanted, period, name),
    }
    return Page("costs.html", "Costs", content, status=status)


def _finality(shown: Mapping[str, Any]) -> list[tuple[str | None, date | None, date | None]]:
    """Each cloud with its last day of data, and its last day that is final."""
    finals = shown["final_through"]
    return [(cloud, until, final_until(until, finals[cloud])) for cloud, until in shown["data_through"].items()]


def _parameters(wanted: Mapping[str, str], period: Period) -> dict[str, str]:
    days = {"from": period.first, "to": period.last} if period.choice == "custom" else {}
    return {"period": period.choice, **days, **{k: v for k, v in wanted.items() if k not in ("from", "to")}}


def _filtered(text: str | None) -> dict[str, str] | None:
    """The filter: as text, in words, and the group that it chooses. None without a filter that can be read."""
    try:
        filters = read_filters(text) if text else {}
    except ValueError:
        return None
    if not text or not filters:
        return None
    group_by = write_property(next(iter(filters)))
    words = (f"{value or 'none'}" for values in filters.values() for value in values)
    return {"text": text, "group_by": group_by, "name": ", ".join(words)}


def _drill(wanted: Mapping[str, str], period: Period, name: str) -> str | None:
    """The page of one group, by SKU, or by service where the groups are no services; None if it is one already."""
    if "filter" in wanted:
        return None
    finer = "sku" if wanted["group_by"] == "service" else "service"
    group = {"group_by": finer, "filter": write_condition(wanted["group_by"], name)}
    return _address(_parameters(wanted, period) | group)


def _address(parameters: Mapping[str, str]) -> str:
    return f"{PATH}?{urlencode({name: value for name, value in parameters.items() if value})}"


ROUTES = (
    Route(f"GET {PATH}", tenant_page, show_costs),
    Route(f"GET {LATEST}", tenant_page, show_latest),
)
