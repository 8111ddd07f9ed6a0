"""A plain scheduler: every statement is a job, each call starts one run, and there are no transactions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from croniter import croniter
from google.cloud import bigquery

from shared.adapters.bigquery.sql import load_statements

_STATEMENTS = load_statements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class PlainScheduler:
    """The trigger and the queue processor with an executor that has nothing to do."""

    client: bigquery.Client
    central: str

    def trigger(self, owners: Sequence[str]) -> int:
        """Queue the due schedules of some tenants by 1 + 3N statements; returns how many were queued."""
        due = self._run("list_due_pipelines", owners=list(owners))
        for config in due:
            run = {"run_id": uuid.uuid4().hex, "scheduled_time": config["next_run_time"]}
            run |= {name: config[name] for name in ("config_id", "tenant_id", "pipeline_id")}
            self._run("insert_scheduled_run", **run, parameters=config["parameters"] or "{}")
            self._run("insert_queue_item", **run, priority=config["priority"])
            following = croniter(config["cron_expression"], config["next_run_time"]).get_next(
                type(run["scheduled_time"])
            )
            self._run("set_next_run_time", config_id=config["config_id"], next_run_time=following)
        return len(due)

    def process_queue(self) -> bool:
        """Make one call of the queue processor, with six statements; returns whether it ran a run."""
        found = self._run("find_next_queued")
        if not found:
            return False
        run_id = found[0]["run_id"]
        self._run("set_processing", run_id=run_id)
        (configuration,) = self._run("get_configuration", run_id=run_id)
        self._run("complete_scheduled_run", run_id=run_id)
        self._run("set_last_run", config_id=configuration["config_id"])
        self._run("remove_queue_item", run_id=run_id)
        return True

    def _run(self, name: str, **values: Any) -> list[dict[str, Any]]:
        statement = _STATEMENTS[name]
        config = bigquery.QueryJobConfig(
            query_parameters=statement.query_parameters(values), labels={"service": "plain", "statement": name}
        )
        datasets = {"tenants": self.central}
        return [dict(row.items()) for row in self.client.query_and_wait(statement.sql(**datasets), job_config=config)]
