"""Shows the days whose costs changed after they had been published."""

from __future__ import annotations

from urllib.parse import urlencode

from shared import bootstrap
from shared.console.policies import TenantPageCall, tenant_page
from shared.console.replies import Page
from shared.console.site import Route

PATH = "/console/changes"
_ROWS = "100"


def show_changes(call: TenantPageCall) -> Page:
    """A page of restatements, the latest first. One job, or none while the answer is kept."""
    query = {"limit": _ROWS} | {name: value for name, value in call.query.items() if name == "page_token"}
    shown = bootstrap.tenant_costs().show_restatements(call.caller.reader, query)
    token = shown["next_page_token"]
    older = f"{PATH}?{urlencode({'page_token': token})}" if token else None
    content = {"restatements": shown["restatements"], "older": older, "is_first": "page_token" not in query}
    return Page("changes.html", "What changed", content)


ROUTES = (Route(f"GET {PATH}", tenant_page, show_changes),)
