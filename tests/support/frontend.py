"""A tenant's frontend: sends its requests and reads the tables afterwards."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests
from google.api_core import exceptions as google
from google.cloud import bigquery

from devcloud.onboarding import onboard
from devcloud.server import Devcloud
from tests.support.queries import ask
from tests.support.tenant import Api, Tenant

Json = dict[str, Any]
IMPERSONATED = "reader@acme-gcp-project.iam.gserviceaccount.com"


@dataclass
class Frontend:
    """One tenant's view of the platform; `client` is the operator's BigQuery."""

    tenant: Tenant
    client: bigquery.Client

    @cached_property
    def api(self) -> Api:
        return Api(self.tenant.cloud.ready["gateway"], self.tenant.api_key)

    @property
    def tenant_id(self) -> str:
        return self.tenant.tenant_id

    @property
    def credentials_path(self) -> str:
        return f"/api/v1/tenants/{self.tenant_id}/credentials"

    @property
    def run_path(self) -> str:
        return f"/api/v1/pipelines/run/{self.tenant_id}/gcp/cost/billing"

    @property
    def runs_path(self) -> str:
        return f"/api/v1/pipelines/runs/{self.tenant_id}"

    def gcp_body(self, *, key: Json | None = None, **fields: str) -> Json:
        """Credentials with a key that Google accepts, naming no export unless `fields` do."""
        text = json.dumps(key or self.tenant.gcp_key)
        content = {"project_id": self.tenant.project, "service_account_json": text}
        return {"provider": "GCP", "credentials": content | fields}

    def store(self, body: Json | None = None, *, user_id: str | None = None) -> requests.Response:
        """POST credentials."""
        return self.api.post(self.credentials_path, body or self.gcp_body(), headers={"X-User-ID": user_id})

    def store_keyless(self, **fields: str) -> None:
        """Store credentials without a key, which is the quickest way: Google is not called."""
        content = {"project_id": self.tenant.project, "impersonate_service_account": IMPERSONATED} | fields
        assert self.store({"provider": "GCP", "credentials": content}).status_code == 201

    def run_body(self, **changes: Any) -> Json:
        """Return a request for one day of an export, which nothing reads while the dispatcher is held."""
        return {"date": "2025-11-17", "billing_export_table": f"{self.tenant.project}.billing.export"} | changes

    def run(self, *, headers: dict[str, str | None] | None = None, **changes: Any) -> requests.Response:
        """POST run."""
        return self.api.post(self.run_path, self.run_body(**changes), headers=headers)

    def start(self, **changes: Any) -> str:
        """Request a run that is accepted; return its id."""
        answer = self.run(**changes)
        assert answer.status_code == 202
        return str(answer.json()["pipeline_logging_id"])

    def get_run(self, run_id: str) -> Json:
        """GET a run that exists."""
        answer = self.api.get(f"{self.runs_path}/{run_id}")
        assert answer.status_code == 200
        run: Json = answer.json()
        return run

    def list_run_ids(self, **query: str) -> list[str]:
        """The ids of a page of runs, in the order of the answer."""
        answer = self.api.get(self.runs_path, params=query)
        assert answer.status_code == 200
        return [run["pipeline_logging_id"] for run in answer.json()["runs"]]

    def cancel(self, run_id: str) -> requests.Response:
        """POST cancel."""
        return self.api.post(f"{self.runs_path}/{run_id}/cancel")

    def retry(self, run_id: str, *, headers: dict[str, str | None] | None = None) -> requests.Response:
        """POST retry."""
        return self.api.post(f"{self.runs_path}/{run_id}/retry", headers=headers)

    def finish(self, run_id: str, status: str) -> None:
        """End a run as an executor and the dispatcher would: set its row's status, and delete its queue item."""
        self.sql(
            "UPDATE {own}.x_meta_pipeline_runs "
            "SET status = @status, completed_at = CURRENT_TIMESTAMP(), rows_published = 7 WHERE run_id = @run_id",
            run_id=run_id,
            status=status,
        )
        self.sql("DELETE FROM {tenants}.pipeline_execution_queue WHERE run_id = @run_id", run_id=run_id)

    def sql(self, text: str, **parameters: str) -> Sequence[Json]:
        """Run SQL as the operator; {tenants} and {own} are the central and the tenant's dataset."""
        datasets = {"tenants": f"`{self.client.project}`.tenants", "own": f"`{self.client.project}`.{self.tenant_id}"}
        return ask(self.client, text.format(**datasets), **{"tenant_id": self.tenant_id} | parameters)

    def central(self, table: str) -> Sequence[Json]:
        """This tenant's rows of a central table."""
        return self.sql(f"SELECT * FROM {{tenants}}.{table} WHERE tenant_id = @tenant_id")

    def own(self, table: str) -> Sequence[Json]:
        """The rows of a table of the tenant's dataset."""
        return self.sql(f"SELECT * FROM {{own}}.{table}")

    def logged_actions(self) -> list[str]:
        """The actions in the step log, sorted."""
        return sorted(row["action"] for row in self.own("x_meta_step_logs"))

    def own_tables(self) -> set[str]:
        """The tables of the tenant's dataset."""
        return {table.table_id for table in self.client.list_tables(self.tenant_id)}

    def has_table(self, table: str) -> bool:
        """Whether the tenant's dataset has this table."""
        try:
            self.client.get_table(f"{self.client.project}.{self.tenant_id}.{table}")
        except google.NotFound:
            return False
        return True


def new_frontend(cloud: Devcloud, client: bigquery.Client, **limits: int) -> Frontend:
    """The frontend of another new tenant; takes the limits that `onboard` takes."""
    number = uuid.uuid4().hex[:12]
    onboarded = onboard(client, f"tenant_{number}", **limits)
    return Frontend(Tenant(cloud, onboarded.tenant_id, onboarded.api_key, project=f"gcp-{number}"), client)
