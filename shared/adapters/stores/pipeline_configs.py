"""The store of tenants' schedules. One read also proves the key; each change and its log entry are one transaction."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import count
from typing import Any

from google.cloud import bigquery

from shared.adapters.bigquery.job_errors import AssertionFailed
from shared.adapters.bigquery.sql import Statement, statement
from shared.adapters.bigquery.warehouse import JobOptions, Row, Warehouse
from shared.domain.requests.auth import KeyOwner, PresentedKey
from shared.domain.requests.paging import Place
from shared.domain.schedules.pipeline_configs import ConfigSettings, ConfigStanding, CreatedConfig, PipelineConfig
from shared.errors import TransactionAborted

_OWNER_COLUMNS = tuple(field.name for field in fields(KeyOwner))


@dataclass(frozen=True)
class PipelineConfigs:
    """Reads and changes tenants' rows of tenant_pipeline_configs."""

    warehouse: Warehouse

    def find_standing(
        self,
        key: PresentedKey,
        *,
        config_id: str | None = None,
        after: Place | None = None,
        limit: int = 1,
        with_active: bool = False,
    ) -> ConfigStanding | None:
        """The standing with up to `limit` schedules, newest first, or None for an unknown key. One job."""
        values = {
            "api_key_hash": key.api_key_hash,
            "tenant_id": key.tenant_id,
            "config_id": config_id,
            "before_created_at": after.created_at if after else None,
            "before_id": after.row_id if after else None,
            "max_configs": limit,
            "with_active": with_active,
        }
        rows = self.warehouse.read(statement("pipeline_configs", "read_configs"), values)
        return _standing(rows[0]) if rows else None

    def insert(self, config: PipelineConfig, *, body_digest: str) -> CreatedConfig | None:
        """Store the schedule, once for its id. A repeated call returns the schedule that the first one stored. One job.

        It returns None if a schedule has this id and BigQuery has forgotten its job.
        """
        values = {
            **_settings_values(config),
            "config_id": config.config_id,
            "tenant_id": config.tenant_id,
            "provider": config.provider,
            "domain": config.domain,
            "pipeline_template": config.pipeline_template,
            "pipeline_id": config.pipeline_id,
            "user_id": config.created_by_user_id,
            "created_at": config.created_at,
            "details": _details(config),
        }
        try:
            job = self.warehouse.once(
                statement("pipeline_configs", "insert_config"),
                values,
                job_id=_job_id(config.config_id),
                dataset=config.tenant_id,
                options=JobOptions(_labels(config, body_digest)),
            )
        except AssertionFailed:
            return None
        return _created(job)

    def find_created(self, config_id: str) -> CreatedConfig | None:
        """The schedule that an earlier call stored under this id, read from its job, even if it was deleted later."""
        for suffix in count():
            job = self.warehouse.find_job(f"{_job_id(config_id)}-{suffix}")
            if job is None:
                return None
            if not self.warehouse.failure(job):
                return _created(job)
        raise AssertionError("count() has no end")

    def update(
        self, before: PipelineConfig, after: PipelineConfig, *, user_id: str | None, details: Mapping[str, Any]
    ) -> None:
        """Replace a schedule that has not changed since it was read; otherwise raise TransactionAborted. One job."""
        values = {
            **_settings_values(after),
            **_as_read(before),
            "updated_at": after.updated_at,
            "user_id": user_id,
            "log_id": uuid.uuid4().hex,
            "details": json.dumps(details),
        }
        self._change(statement("pipeline_configs", "update_config"), values, before.tenant_id)

    def delete(
        self, config: PipelineConfig, *, deleted_at: datetime, user_id: str | None, details: Mapping[str, Any]
    ) -> int:
        """Remove a schedule that has not changed since it was read. Return how many waiting runs that ends. One job.

        It raises TransactionAborted if the schedule has changed, or the trigger moves schedules at the same moment.
        """
        values = {
            **_as_read(config),
            "deleted_at": deleted_at,
            "user_id": user_id,
            "details": json.dumps({**json.loads(_details(config)), **details}),
        }
        job = self._change(statement("pipeline_configs", "delete_config"), values, config.tenant_id)
        return int(self.warehouse.rows_of(job)[0]["waiting_runs"])

    def _change(self, change: Statement, values: Mapping[str, Any], tenant_id: str) -> bigquery.QueryJob:
        try:
            return self.warehouse.change(change, values, dataset=tenant_id)
        except AssertionFailed as error:
            raise TransactionAborted from error


def _standing(row: Row) -> ConfigStanding:
    return ConfigStanding(
        owner=KeyOwner(**{name: row[name] for name in _OWNER_COLUMNS}),
        credentials={held["provider"]: held["source"] for held in row["credentials"] or ()},
        config_count=row["config_count"],
        configs=[_config(config) for config in row["configs"]],
        active=[_config(config) for config in row["active"]],
    )


def _config(row: Mapping[str, Any]) -> PipelineConfig:
    stored = {name: row[name] for name in ConfigSettings.model_fields}
    parameters = json.loads(row["parameters"] or "null") or {}
    # Stored values were checked when they were set. They are not checked again: a timezone may have been abolished
    # since then, and its schedule must still be shown.
    settings = ConfigSettings.model_construct(**{**stored, "parameters": parameters})
    others = {field.name for field in fields(PipelineConfig)} - {"settings"}
    return PipelineConfig(settings=settings, **{name: row[name] for name in others})


def _settings_values(config: PipelineConfig) -> dict[str, Any]:
    settings = config.settings.model_dump()
    return {**settings, "parameters": json.dumps(settings["parameters"]), "next_run_time": config.next_run_time}


def _as_read(config: PipelineConfig) -> dict[str, Any]:
    return {
        "config_id": config.config_id,
        "tenant_id": config.tenant_id,
        "provider": config.provider,
        "read_updated_at": config.updated_at,
        "read_next_run_time": config.next_run_time,
    }


def _details(config: PipelineConfig) -> str:
    named = {"config_id": config.config_id, "pipeline_id": config.pipeline_id}
    return json.dumps({**named, **config.settings.model_dump()})


def _job_id(config_id: str) -> str:
    return f"cvg-config-{config_id}"


# The answer is stored as labels of the job, so that a repeated call reads it back without a query.
def _labels(config: PipelineConfig, body_digest: str) -> dict[str, str]:
    next_run = {"next_run": str(int(config.next_run_time.timestamp()))} if config.next_run_time else {}
    return {"body": body_digest, **next_run}


def _created(job: bigquery.QueryJob) -> CreatedConfig:
    labels = job.labels
    next_run_time = datetime.fromtimestamp(int(labels["next_run"]), UTC) if "next_run" in labels else None
    return CreatedConfig(labels["body"], next_run_time, job.created.astimezone(UTC))
