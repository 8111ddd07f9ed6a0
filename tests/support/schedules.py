"""Sends a frontend's requests about schedules, and reads the tables afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from tests.support.frontend import Frontend
from tests.support.queue import enqueue, queued_run
from tests.support.tenant import Api

Json = dict[str, Any]
# Half a day from now: no tick of it falls due while tests run, whatever the time of day.
FAR_CRON = f"17 {(datetime.now(UTC).hour + 12) % 24} * * *"


@dataclass(frozen=True)
class Schedules:
    """The schedules of one tenant's frontend."""

    frontend: Frontend

    @property
    def api(self) -> Api:
        return self.frontend.api

    @property
    def path(self) -> str:
        return f"/api/v1/scheduler/customer/{self.frontend.tenant_id}/pipelines"

    @property
    def parameters(self) -> Json:
        return {"date": "{date}", "billing_export_table": f"{self.frontend.tenant.project}.billing.export"}

    def body(self, **changes: Any) -> Json:
        """A schedule that fires once a day."""
        pipeline = {"provider": "gcp", "domain": "cost", "template": "billing"}
        return pipeline | {"cron_expression": FAR_CRON, "parameters": self.parameters} | changes

    def create(
        self, *, headers: dict[str, str | None] | None = None, user_id: str | None = None, **changes: Any
    ) -> requests.Response:
        """POST a schedule."""
        return self.api.post(self.path, self.body(**changes), headers={"X-User-ID": user_id} | (headers or {}))

    def start(self, **changes: Any) -> str:
        """Create a schedule; return its id."""
        answer = self.create(**changes)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["config_id"])

    def change(self, config_id: str, body: Json, *, user_id: str | None = None) -> requests.Response:
        """PATCH a schedule."""
        return self.api.patch(f"{self.path}/{config_id}", body, headers={"X-User-ID": user_id})

    def remove(self, config_id: str, *, user_id: str | None = None) -> requests.Response:
        """DELETE a schedule."""
        return self.api.delete(f"{self.path}/{config_id}", headers={"X-User-ID": user_id})

    def rows(self) -> Sequence[Json]:
        """The stored schedules, oldest first."""
        return sorted(self.frontend.central("tenant_pipeline_configs"), key=lambda row: row["created_at"])

    def log(self) -> Sequence[Json]:
        """The entries of the step log about schedules, oldest first."""
        entries = [row for row in self.frontend.own("x_meta_step_logs") if row["action"].startswith("PIPELINE_CONFIG")]
        return sorted(entries, key=lambda row: row["timestamp"])

    def set(self, config_id: str, assignments: str) -> None:
        """Change the stored row directly, without a request."""
        sql = f"UPDATE {{tenants}}.tenant_pipeline_configs SET {assignments} WHERE config_id = @config_id"
        self.frontend.sql(sql, config_id=config_id)

    def make_due(self, config_id: str) -> datetime:
        """Make a tick of half an hour ago due; return that tick."""
        self.set(config_id, "next_run_time = TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 30 MINUTE)")
        (row,) = [row for row in self.rows() if row["config_id"] == config_id]
        found: datetime = row["next_run_time"]
        return found

    def add(self, number: int) -> None:
        """Store this number of inactive schedules directly, without a request."""
        self.frontend.sql(
            "INSERT INTO {tenants}.tenant_pipeline_configs (config_id, tenant_id, provider, domain, pipeline_template, "
            "pipeline_id, cron_expression, timezone, is_active, priority, max_retries, misfire_policy, overlap_policy, "
            "created_at) SELECT GENERATE_UUID(), @tenant_id, 'gcp', 'cost', 'billing', 'gcp-cost-billing', "
            "'0 2 * * *', 'UTC', FALSE, 5, 3, 'coalesce', 'wait', CURRENT_TIMESTAMP() "
            "FROM UNNEST(GENERATE_ARRAY(1, CAST(@number AS INT64)))",
            number=str(number),
        )

    def queue_run(self, config_id: str, *, state: str = "QUEUED") -> str:
        """Put a run of the schedule into the queue, as the trigger does; return its id."""
        run_id = uuid.uuid4().hex
        run = queued_run(self.frontend.tenant_id, run_id, config_id=config_id, state=state)
        enqueue(self.frontend.client, run)
        return run_id
