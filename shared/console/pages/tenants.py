"""Shows operators the tenants, and a tenant's runs. It changes nothing: see docs/console.md."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from shared import bootstrap
from shared.console.pages.runs import list_content, run_content
from shared.console.policies import OperatorPageCall, operator_page
from shared.console.replies import Page
from shared.console.site import OPERATOR, Route
from shared.domain.requests.identifiers import check_tenant_id
from shared.errors import InvalidInput, NotFound

PATH = f"{OPERATOR}/tenants"
STATES = {"ACTIVE": ("Active", "good"), "SUSPENDED": ("Suspended", "bad"), "DELETED": ("Deleted", "plain")}
_COMMAND = ".venv/bin/python -m convergence tenants"


def show_tenants(call: OperatorPageCall) -> Page:
    """Tenants with their limits, what they used today, and what waits. One job."""
    call.caller.charge_query()
    after = call.query.get("after") or None
    tenants, last = bootstrap.tenant_list().page(after=after)
    content = {
        "tenants": tenants,
        "states": STATES,
        "more": f"{PATH}?{urlencode({'after': last})}" if last else None,
        "is_first": after is None,
        "onboard": f"{_COMMAND} onboard acme_corp --daily-limit 25 --concurrent-limit 3",
    }
    return Page("tenants.html", "Tenants", content)


def show_runs(call: OperatorPageCall) -> Page:
    """A tenant's runs as the tenant sees them, and the commands that change the tenant. Two jobs."""
    tenant_id = _tenant_id(call.params)
    call.caller.charge_query()
    tenant = bootstrap.tenant_list().get(tenant_id)
    content = list_content(call.caller.reader_of(tenant_id), call.query, path=f"{PATH}/{tenant_id}/runs")
    shown = {"tenant": tenant, "states": STATES, "commands": _commands(tenant)}
    return Page("tenant_runs.html", tenant_id, content | shown, status=400 if content["problem"] else 200)


def show_run(call: OperatorPageCall) -> Page:
    """A tenant's run as the tenant sees it, without its buttons. One job for a live run, two for a finished one."""
    tenant_id = _tenant_id(call.params)
    run_id = call.params["pipeline_logging_id"]
    content = run_content(call.caller.reader_of(tenant_id), run_id, path=f"{PATH}/{tenant_id}/runs")
    no_buttons = {"may_cancel": False, "may_retry": False, "problem": ""}
    return Page("tenant_run.html", f"Run of {tenant_id}", content | no_buttons | {"tenant_id": tenant_id})


def _tenant_id(params: Mapping[str, str]) -> str:
    tenant_id = params["tenant_id"]
    try:
        check_tenant_id(tenant_id)
    except InvalidInput:
        raise NotFound from None
    return tenant_id


def _commands(tenant: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an operator may want to change, each with the command."""
    tenant_id = shlex.quote(tenant["tenant_id"])
    daily, concurrent = tenant["daily_limit"] or 25, tenant["concurrent_limit"] or 3
    switch = ("Reactivate it", "resume") if tenant["status"] == "SUSPENDED" else ("Suspend it", "suspend")
    return [
        (switch[0], f"{_COMMAND} {switch[1]} {tenant_id}"),
        ("Make a new API key; the others end in 24 hours", f"{_COMMAND} rotate-key {tenant_id}"),
        ("Make a new API key after a leak; the others end now", f"{_COMMAND} rotate-key {tenant_id} --overlap-hours 0"),
        ("Change its limits", f"{_COMMAND} limits {tenant_id} --daily-limit {daily} --concurrent-limit {concurrent}"),
    ]


ROUTES = (
    Route(f"GET {PATH}", operator_page, show_tenants),
    Route(f"GET {PATH}/{{tenant_id}}/runs", operator_page, show_runs),
    Route(f"GET {PATH}/{{tenant_id}}/runs/{{pipeline_logging_id}}", operator_page, show_run),
)
