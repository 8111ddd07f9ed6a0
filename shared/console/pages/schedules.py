"""Lists schedules with their next fires, pauses and resumes them, and removes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from shared import bootstrap
from shared.console.policies import TenantPageCall, tenant_page
from shared.console.replies import Page, Redirect
from shared.console.site import Route
from shared.domain.schedules.ticks import ticks_after
from shared.errors import Conflict, InvalidInput
from shared.http.problems import status_of

PATH = "/console/schedules"
_ROWS, _FIRES = "50", 5
RESULTS = {"SUCCESS": "good", "FAILED": "bad", "CANCELLED": "plain", "SKIPPED": "plain"}


def show_schedules(call: TenantPageCall) -> Page:
    """A page of schedules, newest first. One job."""
    return _list_page(call)


def pause_schedule(call: TenantPageCall) -> Page | Redirect:
    """Stop a schedule from firing."""
    return _switch(call, is_active=False)


def resume_schedule(call: TenantPageCall) -> Page | Redirect:
    """Let a schedule fire again. It must be able to run, like a new one."""
    return _switch(call, is_active=True)


def remove_schedule(call: TenantPageCall) -> Redirect:
    """Remove a schedule, and cancel its waiting runs."""
    call.caller.reader.charge_query()
    bootstrap.tenant_schedules().remove(call.caller.key, call.params["config_id"], None)
    return Redirect(PATH)


def _switch(call: TenantPageCall, *, is_active: bool) -> Page | Redirect:
    call.caller.reader.charge_query()
    body = {"is_active": is_active}
    try:
        bootstrap.tenant_schedules().change(call.caller.key, call.params["config_id"], body, None)
    except (Conflict, InvalidInput) as error:
        return _list_page(call, problem=error.message, status=status_of(error))
    return Redirect(PATH)


def _list_page(call: TenantPageCall, *, problem: str = "", status: int = 200) -> Page:
    token = call.query.get("page_token", "")
    query = {"limit": _ROWS} | ({"page_token": token} if token else {})
    call.caller.reader.charge_query()
    shown = bootstrap.tenant_schedules().list_all(call.caller.key, query)
    now = datetime.now(UTC)
    older = shown["next_page_token"]
    content = {
        "schedules": [(schedule, next_fires(schedule, after=now)) for schedule in shown["pipelines"]],
        "results": RESULTS,
        "older": f"{PATH}?{urlencode({'page_token': older})}" if older else None,
        "is_first": not token,
        "problem": problem,
    }
    return Page("schedules.html", "Schedules", content, status=status)


def next_fires(schedule: Mapping[str, Any], *, after: datetime) -> Sequence[tuple[datetime, datetime]]:
    """The next times at which a schedule fires, or would fire if it were active: in its own timezone, and in UTC."""
    zone = ZoneInfo(schedule["timezone"])
    fires = islice(ticks_after(schedule["cron_expression"], zone, after=after), _FIRES)
    return [(fire.astimezone(zone), fire) for fire in fires]


ROUTES = (
    Route(f"GET {PATH}", tenant_page, show_schedules),
    Route(f"POST {PATH}/{{config_id}}/pause", tenant_page, pause_schedule),
    Route(f"POST {PATH}/{{config_id}}/resume", tenant_page, resume_schedule),
    Route(f"POST {PATH}/{{config_id}}/remove", tenant_page, remove_schedule),
)
