"""Publishes a run: replaces every touched day of every target table in one transaction, guarded by the fence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from shared.adapters.bigquery.costs import LEAST_BILLED_BYTES, JobCosts
from shared.adapters.bigquery.sql import Statement, joined, statement
from shared.adapters.stores.runs import run_values
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from shared.domain.templates.templates import Target, Template
from shared.errors import BytesLimitExceeded
from shared.pipeline.billing_periods import TABLE, focus_targets, settled
from shared.pipeline.byte_limits import require_within
from shared.pipeline.context import HopContext
from shared.pipeline.daily_costs import DAILY, added_up, all_added_up
from shared.pipeline.journal import StepRecord
from shared.pipeline.plan import PlannedStep
from shared.pipeline.statements import day_column, template_statements
from shared.pipeline.steps.result import StepResult
from shared.pipeline.turn import Turns

_PUBLISH = "pipeline/publish"
_FRAME_TABLES = 4  # finish_run reads the run log, the queue, the fence and the events


def prepare_targets(hop: HopContext) -> None:
    """Create the target tables that the tenant does not have yet."""
    besides = [TABLE, DAILY] if focus_targets(hop.template) else []
    for table in [*(target.table for target in hop.template.publish), *besides]:
        make_table(hop.services.warehouse, hop.task.tenant_id, get_table("tenant_dataset", table))


def publish_statement(template: Template, staged: Mapping[str, str], *, adds_up_all: bool = False) -> Statement:
    """The whole transaction. `staged` maps each step to its staging table, as `{staging}.name`.

    `adds_up_all`: focus_cost_daily is filled from all charges, not only from the staged ones.
    """
    frame = [statement(_PUBLISH, name) for name in ("finish_run", "commit_publish")]
    return joined("publish", [frame[0], *_replacements(template, staged, adds_up_all=adds_up_all), frame[1]], "\n\n")


def _replacements(template: Template, staged: Mapping[str, str], *, adds_up_all: bool) -> Iterator[Statement]:
    """One statement for the restatements of all targets, then one for each table's rows.

    Each statement takes a round trip, so one has all restatements. Between them final billing periods are noted, while
    the earlier rows are still there. The sums by day come last.
    """
    restated = [
        _restated(template, target, staged[target.step]).prefixed(f"{target.table}_") for target in template.publish
    ]
    each = [Statement(part.name, f"(\n{part.text}\n)", part.parameters) for part in restated]
    yield statement(_PUBLISH, "note_restatements").naming(restated=joined("restated", each, "\nUNION ALL\n"))
    for target in focus_targets(template):
        yield settled(target, staged[target.step]).prefixed(f"{target.table}_")
    for target in template.publish:
        yield _replaced(target, staged[target.step]).prefixed(f"{target.table}_")
    for target in focus_targets(template):
        sums = all_added_up(target) if adds_up_all else added_up(target, staged[target.step])
        yield sums.prefixed(f"{target.table}_")


def _restated(template: Template, target: Target, staged: str) -> Statement:
    billed = template_statements(template)[target.billed]
    before, after = billed.naming(rows=f"{{dataset}}.{target.table}"), billed.naming(rows=staged)
    return statement(_PUBLISH, "restated_days").naming(billed_before=before, billed_after=after)


def _replaced(target: Target, staged: str) -> Statement:
    return statement(_PUBLISH, "replace_days").naming(
        target=f"{{dataset}}.{target.table}",
        date_column=day_column(target.table, target.date_column),
        staged=staged,
        columns=[column.name for column in get_table("tenant_dataset", target.table).columns],
    )


def publish(
    hop: HopContext,
    step: PlannedStep,
    records: Mapping[str, StepRecord],
    *,
    warnings: Sequence[str],
    bytes_billed: int,
    max_bytes_billed: int | None,
    clock: Callable[[], datetime],
) -> StepResult:
    """Publish the staged rows in a turn. If another attempt took over, nothing changes and it raises FenceLost.

    If the publish would bill more than is left, BytesLimitExceeded is raised before anything is billed.
    """
    staged = {step_id: f"{{staging}}.{record.output_table}" for step_id, record in records.items()}
    rows = sum(records[target.step].rows or 0 for target in hop.template.publish)
    values = _values(hop, records, rows=rows, bytes_billed=bytes_billed) | {"warnings": list(warnings)}
    adds_up_all = _adds_up_all(hop, staged, values, max_bytes_billed)
    job = Turns(hop, clock=clock).publish(
        publish_statement(hop.template, staged, adds_up_all=adds_up_all),
        values | {"adds_up_all": adds_up_all},
        max_bytes_billed=max_bytes_billed,
        timeout_seconds=step.timeout_seconds,
    )
    return StepResult(rows=rows, job_id=job.job_id, costs=JobCosts.of_job(job))


def _adds_up_all(
    hop: HopContext, staged: Mapping[str, str], values: Mapping[str, Any], max_bytes_billed: int | None
) -> bool:
    """Whether the publish fills focus_cost_daily from all charges: it lacks some, and the limit allows to read them.

    It raises BytesLimitExceeded if the publish would bill too much even without that.
    """
    frame = _FRAME_TABLES * LEAST_BILLED_BYTES

    def check(*, adds_up_all: bool) -> None:
        parts = list(_replacements(hop.template, staged, adds_up_all=adds_up_all))
        require_within(hop, "publish", max_bytes_billed, parts, values, besides=frame)

    if focus_targets(hop.template) and not hop.begun.summary_complete:
        with suppress(BytesLimitExceeded):
            check(adds_up_all=True)
            return True
    check(adds_up_all=False)
    return False


def _values(hop: HopContext, records: Mapping[str, StepRecord], *, rows: int, bytes_billed: int) -> dict[str, Any]:
    task, details = hop.task, [record.details for record in records.values()]
    values: dict[str, Any] = {
        **run_values(task, hop.run),
        "pipeline_id": hop.template.pipeline_id,
        "source": hop.source,
        "rows_published": rows,
        "dates": sorted({day for target in hop.template.publish for day in _dates(records[target.step])}),
        "bytes_billed": bytes_billed,
        "watermark": _latest(details, "watermark"),
        "seen_until": _latest(details, "seen_until"),
        "deliveries": _deliveries(hop, details),
    }
    for target in hop.template.publish:
        prefix = f"{target.table}_"
        values |= {
            f"{prefix}pipeline_logging_id": task.pipeline_logging_id,
            f"{prefix}table_name": target.table,
            f"{prefix}source": hop.source,
            f"{prefix}dates": _dates(records[target.step]),
        }
    for target in focus_targets(hop.template):
        values[f"{target.table}_snapshot_at"] = hop.snapshot_at
        values[f"{target.table}_final_after_days"] = hop.template.final_after_days
    return values


def _deliveries(hop: HopContext, details: list[Mapping[str, Any]]) -> str | None:
    """The deliveries that this run publishes, by billing period; None for a pipeline that loads no deliveries."""
    new = {period: delivery for item in details for period, delivery in item.get("deliveries", {}).items()}
    return json.dumps({**hop.begun.deliveries, **new}, sort_keys=True) if new or hop.begun.deliveries else None


def _dates(record: StepRecord) -> list[date]:
    return [date.fromisoformat(day) for day in record.details["dates"]]


def _latest(details: list[Mapping[str, Any]], name: str) -> datetime | None:
    moments = [datetime.fromisoformat(item[name]) for item in details if item.get(name)]
    return max(moments, default=None)
