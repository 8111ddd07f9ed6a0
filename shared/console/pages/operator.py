"""Shows operators whether the platform is well."""

from __future__ import annotations

from shared import bootstrap
from shared.configuration.platform_config import get_platform
from shared.console.policies import OperatorPageCall, operator_page
from shared.console.replies import Page
from shared.console.run_view import STATUSES
from shared.console.site import OPERATOR, Route

WAITS = {
    "NOT_EXAMINED": "New; the dispatcher has not looked at it",
    "DAILY_LIMIT": "The tenant's daily limit is used up",
    "CONCURRENT_LIMIT": "The tenant's other runs use all it may run at once",
    "PIPELINE_BUSY": "Another run of the same pipeline and source is running",
    "RETRY_BACKOFF": "An attempt failed; the next one is due later",
    "GOOGLE_QUOTA": "A quota of Google Cloud is used up",
    "PLATFORM_BUSY": "All executors are busy",
    "SUBSCRIPTION_NOT_LIVE": "The tenant's subscription is not live",
    "CLOSING": "A task is finding out how the run ended",
}
OVERDUE = {"queue": "Runs that could start wait in the queue", "ticks": "Schedules are due and were not planned"}


def show_overview(call: OperatorPageCall) -> Page:
    """The queue, the scheduler's jobs, what is overdue, and tenants near their limit. One job."""
    call.caller.charge_query()
    status = bootstrap.platform_status().show()
    functions = get_platform().functions
    content = {
        "status": status,
        "waits": WAITS,
        "outcomes": {name: text[0] for name, text in STATUSES.items()},
        "jobs": [(name, functions[name].description, times) for name, times in sorted(status["jobs"].items())],
        "overdue": [(item, OVERDUE.get(item["what"], "The job has not succeeded")) for item in status["overdue"]],
        "late": {item["what"] for item in status["overdue"]},
    }
    return Page("operator.html", "Overview", content)


ROUTES = (Route(f"GET {OPERATOR}", operator_page, show_overview),)
