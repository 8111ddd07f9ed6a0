"""The demo's frontend, which only calls function URLs with a tenant's API key."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import requests

from devcloud.errors import UserError

Json = dict[str, Any]
_ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_POLL_SECONDS = 0.5


class DemoError(UserError):
    """The platform did not do what the demo shows. The message has its answer."""


@dataclass(frozen=True)
class Frontend:
    """The tenant's side of the HTTP contract."""

    gateway: str
    tenant_id: str
    api_key: str
    user_id: str
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    def store_gcp_credentials(self, project: str, key_json: str, export_table: str) -> Json:
        """POST the service-account key that may read the tenant's export."""
        credentials = {"project_id": project, "service_account_json": key_json, "billing_export_table": export_table}
        return self.store_credentials({"provider": "GCP", "credentials": credentials})

    def store_credentials(self, body: Json) -> Json:
        """POST credentials of a cloud."""
        return self._ask("POST", f"/api/v1/tenants/{self.tenant_id}/credentials", body)

    def run(self, template: str, body: Json) -> Json:
        """POST a run, e.g. of gcp/cost/billing."""
        return self._ask("POST", f"/api/v1/pipelines/run/{self.tenant_id}/{template}", body)

    def schedule(self, *, cron_expression: str, timezone: str) -> Json:
        """POST a schedule of gcp/cost/billing."""
        pipeline = {"provider": "gcp", "domain": "cost", "template": "billing"}
        path = f"/api/v1/scheduler/customer/{self.tenant_id}/pipelines"
        return self._ask("POST", path, pipeline | {"cron_expression": cron_expression, "timezone": timezone})

    def costs(self, first: date, last: date) -> Json:
        """GET the costs of some days, both ends included, and how far each cloud's costs reach and are final."""
        return self._ask("GET", f"/api/v1/costs/{self.tenant_id}?from={first}&to={last}&granularity=total")

    def await_scheduled_run(self, *, timeout_seconds: float = 60) -> str:
        """The id of the tenant's scheduled run, once there is one."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            for run in self._ask("GET", f"/api/v1/pipelines/runs/{self.tenant_id}")["runs"]:
                if run["trigger_type"] == "scheduler":
                    return str(run["pipeline_logging_id"])
            time.sleep(_POLL_SECONDS)  # as a frontend polls
        raise DemoError(f"no scheduled run of {self.tenant_id} after {timeout_seconds:.0f} s")

    def run_until_ended(self, pipeline_logging_id: str, *, timeout_seconds: float = 120) -> Json:
        """Poll the run until it has ended and its steps are logged; raises DemoError if it takes too long."""
        path = f"/api/v1/pipelines/runs/{self.tenant_id}/{pipeline_logging_id}"
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            run = self._ask("GET", path)
            if run["status"] in _ENDED and _tells_its_end(run):
                return run
            time.sleep(_POLL_SECONDS)  # as a frontend polls: HTTP has no condition to wait on
        raise DemoError(f"run {pipeline_logging_id} is still {run['status']} after {timeout_seconds:.0f} s")

    def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        headers = {"X-API-Key": self.api_key, "X-User-ID": self.user_id}
        answer = self._session.request(method, self.gateway + path, json=body, headers=headers, timeout=60)
        if not answer.ok:
            raise DemoError(f"{method} {path} answered {answer.status_code}: {answer.text}")
        content: Json = answer.json()
        return content


def _tells_its_end(run: Json) -> bool:
    # The published rows and COMPLETED become visible together. The record of the publish step follows a moment later.
    return run["status"] != "COMPLETED" or any(step["step_type"] == "publish" for step in run["steps"])
