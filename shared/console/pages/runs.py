"""Lists runs, shows a run, cancels it, and starts it again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from shared import bootstrap
from shared.configuration.templates import usable_templates
from shared.console.policies import TenantPageCall, tenant_page
from shared.console.replies import Page, Redirect
from shared.console.run_view import (
    STATUSES,
    WAITS,
    bars_of,
    may_be_cancelled,
    may_be_retried,
    remedy_of,
    sample_of,
)
from shared.console.site import Route
from shared.domain.requests.auth import TenantReader
from shared.domain.requests.creation import CreationRequest
from shared.errors import Conflict, InvalidInput, LimitReached
from shared.http.problems import status_of

PATH = "/console/runs"
_ROWS = "25"
_FILTERS = ("status", "pipeline_id")


def show_runs(call: TenantPageCall) -> Page:
    """A page of runs, newest first, with filters. One job, or none while the answer is kept."""
    content = list_content(call.caller.reader, call.query, path=PATH)
    return Page("runs.html", "Runs", content, status=400 if content["problem"] else 200)


def list_content(reader: TenantReader, query: Mapping[str, str], *, path: str) -> dict[str, Any]:
    """What the list shows: the runs, the filters, and `problem` if a filter is wrong. `path` is the list's own."""
    filters = {name: query[name] for name in _FILTERS if query.get(name)}
    place = {"page_token": query["page_token"]} if query.get("page_token") else {}
    shown: Mapping[str, Any] = {"runs": [], "next_page_token": None}
    problem = ""
    try:
        shown = bootstrap.tenant_runs().list_runs(reader, {"limit": _ROWS, **filters, **place})
    except InvalidInput as error:
        problem = error.message
    token = shown["next_page_token"]
    return {
        "runs_path": path,
        "runs": shown["runs"],
        "filters": {name: filters.get(name, "") for name in _FILTERS},
        "is_filtered": bool(filters),
        "is_first": not place,
        "older": f"{path}?{urlencode({**filters, 'page_token': token})}" if token else None,
        "statuses": STATUSES,
        "waits": WAITS,
        "pipelines": sorted(template.pipeline_id for template in usable_templates()),
        "problem": problem,
    }


def show_run(call: TenantPageCall) -> Page:
    """A run with its steps and checks. One job for a live run, two for a finished one, none while one is kept."""
    return _run_page(call)


def cancel_run(call: TenantPageCall) -> Page | Redirect:
    """Request the end of a run. A run that has ended is shown with a note."""
    run_id = call.params["pipeline_logging_id"]
    call.caller.reader.charge_query()
    try:
        bootstrap.tenant_runs().cancel(call.caller.owner.tenant_id, run_id, {})
    except Conflict as error:
        return _run_page(call, problem=error.message, status=status_of(error))
    return Redirect(f"{PATH}/{run_id}")


def retry_run(call: TenantPageCall) -> Page | Redirect:
    """Start a run with the same parameters. The form has a key, so sending it twice starts one run."""
    run_id, key = call.params["pipeline_logging_id"], call.caller.form.get("once", "")
    call.caller.reader.charge_query()
    try:
        creation = CreationRequest({}, idempotency_key=_idempotency_key(key))
        reply = bootstrap.tenant_runs().retry(call.caller.key, run_id, creation)
    except (Conflict, InvalidInput, LimitReached) as error:
        return _run_page(call, problem=error.message, status=status_of(error))
    return Redirect(f"{PATH}/{reply.body['pipeline_logging_id']}")


def _idempotency_key(text: str) -> str:
    if not text.isascii() or not text.isalnum():
        raise InvalidInput("The form is out of date; reload the page and send the form again.")
    return f"console-{text[:64]}"


def _run_page(call: TenantPageCall, *, problem: str = "", status: int = 200) -> Page:
    content = run_content(call.caller.reader, call.params["pipeline_logging_id"], path=PATH)
    return Page("run.html", "Run", content | {"problem": problem}, status=status)


def run_content(reader: TenantReader, run_id: str, *, path: str) -> dict[str, Any]:
    """What the page of a run shows. `path` is that of the list."""
    run = bootstrap.tenant_runs().get_run(reader, run_id)
    bars, seconds = bars_of(run["steps"], now=datetime.now(UTC))
    failed = [check for check in run["checks"] if not check["passed"]]
    return {
        "runs_path": path,
        "run": run,
        "bars": bars,
        "seconds": seconds,
        "failed_checks": [(check, sample_of(check)) for check in failed],
        "passed_checks": [check for check in run["checks"] if check["passed"]],
        "remedy": remedy_of(run),
        "statuses": STATUSES,
        "waits": WAITS,
        "may_cancel": may_be_cancelled(run),
        "may_retry": may_be_retried(run),
        "once": secrets.token_hex(16),
    }


ROUTES = (
    Route(f"GET {PATH}", tenant_page, show_runs),
    Route(f"GET {PATH}/{{pipeline_logging_id}}", tenant_page, show_run),
    Route(f"POST {PATH}/{{pipeline_logging_id}}/cancel", tenant_page, cancel_run),
    Route(f"POST {PATH}/{{pipeline_logging_id}}/retry", tenant_page, retry_run),
)
