"""Reads runs as their tenants see them: the tenant's run log, corrected by the newer state of the queue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.adapters.bigquery.job_errors import Missing
from shared.adapters.bigquery.sql import Statement, statement
from shared.adapters.bigquery.warehouse import Row, Warehouse
from shared.domain.dispatching.next_starts import AGEING_STEP
from shared.domain.requests.paging import Place
from shared.domain.runs.run_details import merged_checks, merged_steps

_EVENT_DAYS_OF_ONE_RUN = 90  # as long as events are kept
# The row of an older run says how the run ended or why it is tried again: a closing follows within minutes.
_EVENT_DAYS_OF_LIST = 7
MAX_RESTATED = 200  # in one answer
_MAX_CURRENCY_CHARACTERS = 200  # of a currency, which comes from the tenant's export


@dataclass(frozen=True)
class RunLog:
    """Reads a tenant's runs. A tenant without a dataset has none."""

    warehouse: Warehouse

    def list_runs(
        self,
        tenant_id: str,
        *,
        limit: int,
        status: str | None = None,
        pipeline_id: str | None = None,
        backfill_id: str | None = None,
        after: Place | None = None,
    ) -> Sequence[Row]:
        """Up to `limit` runs, newest first, that come after a place in the list. One job."""
        values = {
            "tenant_id": tenant_id,
            "pipeline_logging_id": None,
            "event_days": _EVENT_DAYS_OF_LIST,
            "pipeline_id": pipeline_id,
            "status": status,
            "backfill_id": backfill_id,
            "before_created_at": after.created_at if after else None,
            "before_id": after.row_id if after else None,
            "max_runs": limit,
            "ageing_seconds": int(AGEING_STEP.total_seconds()),
        }
        return self._read_runs(tenant_id, statement("run_log", "list_runs"), values)

    def find_run(self, tenant_id: str, pipeline_logging_id: str) -> Row | None:
        """One run as the list shows it, with its `streamed_steps`, or None. One job."""
        values = {
            "tenant_id": tenant_id,
            "pipeline_logging_id": pipeline_logging_id,
            "event_days": _EVENT_DAYS_OF_ONE_RUN,
            "ageing_seconds": int(AGEING_STEP.total_seconds()),
        }
        runs = self._read_runs(tenant_id, statement("run_log", "find_run"), values)
        return runs[0] if runs else None

    def get_details(self, tenant_id: str, run: Row, *, has_ended: bool) -> Row:
        """The `steps`, `checks` and `restated_dates` of a run that was found, with `restated_dates_total`.

        It gives the newest MAX_RESTATED days and counts all of them. One job if the run has ended. Before its end a
        run restates no day, and its log has only the rows that were streamed.
        """
        logged: Row = {"logged_steps": [], "logged_checks": [], "restated_dates": [], "restated_dates_total": 0}
        if has_ended:
            values = {
                "pipeline_logging_id": run["pipeline_logging_id"],
                "accepted_at": run["created_at"],
                "most_restated": MAX_RESTATED,
                "most_characters": _MAX_CURRENCY_CHARACTERS,
            }
            (logged,) = self.warehouse.read(statement("run_steps", "find_run_details"), values, dataset=tenant_id)
        return {
            "steps": merged_steps(logged["logged_steps"], run["streamed_steps"]),
            "checks": merged_checks(logged["logged_checks"], run["streamed_steps"]),
            "restated_dates": logged["restated_dates"],
            "restated_dates_total": logged["restated_dates_total"],
        }

    def _read_runs(self, tenant_id: str, query: Statement, values: Mapping[str, Any]) -> Sequence[Row]:
        try:
            rows = self.warehouse.read(query, values, dataset=tenant_id)
        except Missing as error:
            if error.is_in(tenant_id):  # the platform's own tables always exist
                return []
            raise
        return [{**row, "parameters": json.loads(row["parameters"] or "null")} for row in rows]
