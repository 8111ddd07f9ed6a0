"""Executes runs of a test's own template over planted rows, on the running cloud."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from devcloud.clients import warehouse_of
from shared.adapters.bigquery.staging import Staging
from shared.adapters.google.kms import open_credential_key
from shared.adapters.stores.runs import Runs
from shared.configuration.settings import Settings
from shared.configuration.templates import load_template
from shared.domain.runs.delivery import RunTask
from shared.domain.templates.templates import Template
from shared.errors import RunError
from shared.pipeline.context import HopContext, Services
from shared.pipeline.executor import Executor
from shared.pipeline.journal import Journal, StepRecord
from tests.support.executions import Delivery, Executions
from tests.support.frontend import Frontend
from tests.support.own_executor import Hurried
from tests.support.tenant import Tenant

Json = dict[str, Any]
SOURCE = "gcp:planted"
TABLE = "gcp_cost_daily_by_service"
GUARD = f"{TABLE}.of_this_run"
GUARDS = {GUARD, f"{TABLE}.has_rows"}
_PLANTED = """
-- name: planted
-- Rows of the test.
-- param: source STRING
-- param: pipeline_logging_id STRING
-- param: snapshot_at TIMESTAMP
SELECT
  usage_date, project_id, service_id, service_name, currency, cost, credit_amount, row_count,
  @source AS x_source, @pipeline_logging_id AS x_pipeline_logging_id,
  TIMESTAMP_SUB(@snapshot_at, INTERVAL CAST(age_hours AS INT64) HOUR) AS x_ingested_at
FROM (
  {rows}
)

-- name: billed_by_day
-- Rows and cost by day and currency.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT usage_date, currency AS billing_currency, COUNT(*) AS row_count, SUM(cost) AS billed_cost
FROM {{rows}}
WHERE x_source = @source AND usage_date IN UNNEST(@dates)
GROUP BY usage_date, billing_currency
"""
_TYPES = {
    "usage_date": "DATE", "project_id": "STRING", "service_id": "STRING", "service_name": "STRING",
    "currency": "STRING", "cost": "NUMERIC", "credit_amount": "NUMERIC", "row_count": "INT64", "age_hours": "INT64",
}  # fmt: skip
ROW = {
    "usage_date": "2025-11-16", "project_id": "p", "service_id": "s", "service_name": "S", "currency": "USD",
    "cost": 1, "credit_amount": 0, "row_count": 1, "age_hours": 1,
}  # fmt: skip


def rows_sql(rows: list[Json]) -> str:
    """A query that returns the rows. Columns that a row leaves out have the values of ROW."""
    selected = [
        "SELECT " + ", ".join(_value(name, kind, {**ROW, **row}[name]) for name, kind in _TYPES.items())
        for row in rows or [{}]
    ]
    return "\n  UNION ALL\n  ".join(selected) if rows else f"SELECT * FROM ({selected[0]}) WHERE FALSE"


def _value(name: str, kind: str, value: object) -> str:
    return f"CAST({'NULL' if value is None else json.dumps(str(value))} AS {kind}) AS {name}"


@dataclass(frozen=True)
class Outcome:
    """The result of a run: its error, and its checks by id. Checks of every run are only included if they failed."""

    error: RunError | None
    checks: dict[str, Json]


@dataclass
class Planted:
    """Executes runs of one tenant in this process; `snapshot_at` is their present moment."""

    executions: Executions
    tenant: Tenant
    folder: Path
    snapshot_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def run(self, checks: list[Json], rows: list[Json], *, sql: str = "", day: str = "2025-11-16") -> Outcome:
        """Execute a run over these rows with these checks; `sql` has further statements of the template's file."""
        template = self.template(checks, rows, sql)
        delivery = self.admit(day)
        hop = self.hop(template, delivery)
        journal, error = Journal([]), None
        made = iter(range(100))

        def record(_: StepRecord) -> str:
            return f"{delivery.run_id}-{next(made)}"

        executor = Executor(hop, journal, record=record, clock=lambda: datetime.now(UTC))
        try:
            executor.run()
        except RunError as ended:
            error = ended
        hop.services.runs.log(hop.task, hop.run, steps=journal.step_rows(), checks=journal.check_rows())
        found = {row["check_id"]: row for row in self._logged(delivery)}
        own = {check_id: row for check_id, row in found.items() if check_id not in GUARDS or not row["passed"]}
        return Outcome(error, own)

    def admit(self, day: str) -> Delivery:
        """Admit a run of the tenant. Its export does not exist and is not read."""
        if self.tenant.tenant_id not in self.executions.prepared:
            Frontend(self.tenant, self.executions.client).store_keyless()
            self.executions.prepared.add(self.tenant.tenant_id)
        export = f"{self.tenant.project}.billing.export"
        return self.executions.admit(self.tenant, {"date": day, "billing_export_table": export})

    def published(self) -> list[Json]:
        """The published rows of the planted ones."""
        return self.executions.query(
            f"SELECT usage_date, project_id, cost FROM {self.tenant.tenant_id}.{TABLE} ORDER BY project_id, cost"
        )

    def forget(self) -> None:
        """Delete all published planted rows."""
        self.executions.client.delete_table(f"{self.tenant.tenant_id}.{TABLE}", not_found_ok=True)

    def template(self, checks: list[Json], rows: list[Json], sql: str = "") -> Template:
        """The template in files of its own."""
        path = self.folder / uuid.uuid4().hex / "gcp" / "cost" / "planted.yml"
        path.parent.mkdir(parents=True)
        step = {"id": "planted", "uses": "sql", "with": {"query": "planted", "shape": TABLE}}
        target = {"table": TABLE, "step": "planted", "date_column": "usage_date", "billed": "billed_by_day"}
        document = {
            "description": "Planted rows", "owner": "tests", "credentials": "GCP", "steps": [step],
            "checks": [{"step": "planted", **check} for check in checks], "publish": [target],
        }  # fmt: skip
        path.write_text(yaml.safe_dump(document))
        path.with_suffix(".sql").write_text(_PLANTED.format(rows=rows_sql(rows)) + sql)
        template = load_template(path)
        assert template is not None
        return template

    def hop(self, template: Template, delivery: Delivery) -> HopContext:
        """The run, claimed and begun by an executor of this process."""
        assert delivery.lease_id
        cloud, task = self.executions.cloud, RunTask(**{**delivery.to_body(), "closing": None})
        location = cloud.cloud.location
        warehouse = warehouse_of(self.executions.client)
        runs = Runs(warehouse)
        claimed = runs.claim(task, execution_id="tests")
        assert claimed is not None
        settings = Settings(project_id=cloud.project, bigquery_location=location, kms_key="nothing is decrypted")
        services = Services(
            warehouse=warehouse,
            runs=runs,
            staging=Staging(warehouse, lambda: None, ""),
            credential_key=open_credential_key(settings),
            settings=settings,
        )
        return HopContext(
            task=task,
            run=claimed,
            template=template,
            parameters=claimed.parameters,
            source=SOURCE,
            begun=runs.begin(task, claimed, pipeline_id=template.pipeline_id, source=SOURCE),
            snapshot_at=self.snapshot_at,
            stop_signal=Hurried(budget_seconds=60),
            services=services,
        )

    def _logged(self, delivery: Delivery) -> list[Json]:
        rows = self.executions.query(
            "SELECT check_id, severity, passed, observed, expected, failed_rows, TO_JSON_STRING(sample) AS sample"
            f" FROM {self.tenant.tenant_id}.x_meta_dq_results WHERE pipeline_logging_id = @run_id",
            run_id=delivery.run_id,
        )
        return [row | {"sample": json.loads(row["sample"] or "null")} for row in rows]
