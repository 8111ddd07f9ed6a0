"""Creates one task in Cloud Tasks. Each task has a name, so creating it twice is harmless."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core import exceptions as google
from google.auth import exceptions as google_auth

from shared.adapters.google.error_table import TASKS
from shared.adapters.google.own_identity import own_credentials
from shared.adapters.google.retry_budget import RetryBudget
from shared.runtime import log

_TIMEOUT_SECONDS = 5.0
# Every task has a name, so creating it again is safe.
_RETRY_BUDGET = RetryBudget(10.0, first_pause_seconds=0.1, stops_with_work=False)
# A task is delivered this long after its bucket's end, so that it also follows the writes of a caller whose clock lags.
_CLOCK_SKEW = timedelta(milliseconds=100)
_FAILURES = (google.GoogleAPICallError, google.RetryError, google_auth.GoogleAuthError)


def post_task(
    service_account: str,
    *,
    queue: str,
    name: str,
    function_url: str,
    path: str,
    body: Mapping[str, Any],
    deadline: timedelta,
) -> dict[str, Any]:
    """Return a task that calls a route of a function as the service account, with a JSON body."""
    token = {"service_account_email": service_account, "audience": function_url}
    return {
        "name": f"{queue}/tasks/{name}",
        "dispatch_deadline": deadline,
        "http_request": {
            "http_method": "POST",
            "url": function_url + path,
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(body).encode(),
            "oidc_token": token,
        },
    }


def bucket_of(moment: datetime, seconds: float) -> tuple[int, datetime]:
    """The number of the time bucket of this length that `moment` is in, and when a task of the bucket is delivered.

    All requests of a bucket share one task. It comes after the bucket's end, so it follows every write that they
    announce.
    """
    number = math.floor(moment.timestamp() / seconds) + 1
    return number, datetime.fromtimestamp(number * seconds, UTC) + _CLOCK_SKEW


def create_task(open_client: Callable[[], Any], queue: str, task: Mapping[str, Any], **facts: str) -> bool:
    """Create the task and return whether Cloud Tasks has it. A failure is logged and not raised."""
    try:
        open_client().create_task(
            request={"parent": queue, "task": task}, retry=_RETRY_BUDGET.of_service(TASKS), timeout=_TIMEOUT_SECONDS
        )
    except google.AlreadyExists:
        return True
    except _FAILURES as error:
        log.warning("task not created", queue=queue, error=type(error).__name__, **facts)
        return False
    return True


def open_cloud_tasks(endpoint: str) -> Any:
    """Cloud Tasks' client, imported only when a task is created."""
    from google.cloud import tasks_v2

    options = {"api_endpoint": endpoint} if endpoint else None
    return tasks_v2.CloudTasksClient(credentials=own_credentials(), client_options=options)
