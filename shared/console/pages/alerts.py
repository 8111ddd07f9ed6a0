"""Shows a tenant's budget, its search for anomalies, its webhook and its alerts, and changes the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from shared import bootstrap
from shared.console.policies import TenantPageCall, tenant_page
from shared.console.replies import Page, Redirect
from shared.console.site import Route
from shared.domain.requests.creation import CreationRequest
from shared.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from shared.http.problems import status_of

PATH = "/console/alerts"
_ROWS = "50"
_GIVEN_BACK = ("amount", "minimum_amount", "url")  # what the reader entered, if it was refused
_SPENT_IN_FULL, _HALF_A_MARK = Decimal(100), Decimal("0.2")
DELIVERIES = {"PENDING": "plain", "RETRYING": "warn", "DELIVERED": "good", "FAILED": "bad"}
_BUDGET = ("amount", "currency", "metric", "filter")
_ANOMALIES = ("minimum_amount", "currency", "metric", "filter")


def show_alerts(call: TenantPageCall) -> Page:
    """The rules, how they stand, and the latest alerts. One job."""
    return _page(call)


def set_budget(call: TenantPageCall) -> Page | Redirect:
    """Set the budget."""
    thresholds = [_whole(part) for part in call.caller.form.get("thresholds", "").replace(",", " ").split()]
    return _changed(call, lambda: _set(call, "budget", _fields(call, _BUDGET) | {"thresholds": thresholds}))


def set_anomalies(call: TenantPageCall) -> Page | Redirect:
    """Set the search for anomalies."""
    sensitivity = {"sensitivity": _whole(call.caller.form.get("sensitivity", ""))}
    return _changed(call, lambda: _set(call, "anomalies", _fields(call, _ANOMALIES) | sensitivity))


def set_webhook(call: TenantPageCall) -> Page | Redirect:
    """Set the webhook. Only the page that answers shows its secret."""
    shown: dict[str, Any] = {}
    failed = _changed(call, lambda: shown.update(_set(call, "webhook", _fields(call, ("url",)))))
    return _page(call, secret=shown["secret"]) if shown else failed


def remove_rule(call: TenantPageCall) -> Page | Redirect:
    """Remove a rule. Two tabs may do it at once, so a rule that is gone already is no error."""
    try:
        call.caller.reader.charge_query()
        bootstrap.tenant_alerts().remove_rule(call.caller.owner.tenant_id, call.path.removesuffix("/remove"))
    except NotFound:
        return Redirect(PATH)
    return Redirect(PATH)


def test_webhook(call: TenantPageCall) -> Page | Redirect:
    """Send a test message to the webhook."""
    call.caller.reader.charge_query()
    return _changed(call, lambda: bootstrap.tenant_alerts().test_webhook(call.caller.owner.tenant_id, {}))


def _fields(call: TenantPageCall, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of the form; one that was left empty is left out."""
    given = {name: call.caller.form.get(name, "").strip() for name in names}
    return {name: text for name, text in given.items() if text}


def _whole(text: str) -> int | str:
    """The number, or the text if it is none, for the answer that says so."""
    return int(text) if text.isascii() and text.isdigit() else text


def _set(call: TenantPageCall, rule: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return bootstrap.tenant_alerts().set_rule(call.caller.reader, f"/{rule}", CreationRequest(body, call.user_id))


def _changed(call: TenantPageCall, change: Callable[[], Any]) -> Page | Redirect:
    """Make a change and go back to the page. A change that is refused is told on the page."""
    try:
        change()
    except (Conflict, InvalidInput, TooManyRequests) as error:
        return _page(call, problem=error.message, status=status_of(error))
    return Redirect(PATH)


def _page(call: TenantPageCall, *, secret: str = "", problem: str = "", status: int = 200) -> Page:
    call.caller.reader.charge_query()
    shown = bootstrap.tenant_alerts().show(call.caller.owner.tenant_id, {"limit": _ROWS})
    content = {
        **{name: shown[name] for name in ("budget", "anomalies", "webhook", "alerts", "warnings")},
        "standing": _standing(shown["budget"]),
        "deliveries": DELIVERIES,
        "given": {name: call.caller.form.get(name, "") if problem else "" for name in _GIVEN_BACK},
        "secret": secret,
        "problem": problem,
    }
    return Page("alerts.html", "Alerts", content, status=status)


def _standing(budget: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The month of a budget for its bar, which ends at the highest threshold or at the cost. None without a month."""
    state = budget["state"] if budget else None
    if budget is None or state is None or state["month"] is None:
        return None
    percent = Decimal(state["percent"])
    end = max(percent, _SPENT_IN_FULL, *map(Decimal, budget["thresholds"]))
    return {
        "month": state["month"],
        "cost": Decimal(state["cost"]),
        "amount": Decimal(budget["amount"]),
        "percent": percent,
        "filled": max(percent, Decimal(0)) / end * 100,
        "marks": [Decimal(threshold) / end * 100 - _HALF_A_MARK for threshold in budget["thresholds"]],
        "reached": percent >= max(budget["thresholds"]),
        "not_counted": [{**each, "cost": Decimal(each["cost"])} for each in state["not_counted"]],
    }


ROUTES = (
    Route(f"GET {PATH}", tenant_page, show_alerts),
    Route(f"POST {PATH}/budget", tenant_page, set_budget),
    Route(f"POST {PATH}/anomalies", tenant_page, set_anomalies),
    Route(f"POST {PATH}/webhook", tenant_page, set_webhook),
    Route(f"POST {PATH}/webhook/test", tenant_page, test_webhook),
    Route(f"POST {PATH}/budget/remove", tenant_page, remove_rule),
    Route(f"POST {PATH}/anomalies/remove", tenant_page, remove_rule),
    Route(f"POST {PATH}/webhook/remove", tenant_page, remove_rule),
)
