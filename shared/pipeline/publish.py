"""The publish: every touched day of every target table in one transaction, behind the fence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from shared.adapters.query_costs import LEAST_BILLED_BYTES, JobCosts
from shared.adapters.sql import Statement, joined, statement
from shared.adapters.tenant_tables import make_table
from shared.domain.templates import Target, Template
from shared.pipeline.byte_limits import require_within
from shared.pipeline.hop import Hop
from shared.pipeline.journal import StepRecord
from shared.pipeline.statements import day_column, template_statements
from shared.pipeline.steps.result import StepResult
from shared.tables import get_table

_PUBLISH = "pipeline/publish"
_FRAME_TABLES = 3  # the fence, the queue and the run: what take_proof and finish_run read, a row of each


def prepare_targets(hop: Hop) -> None:
    """Create the target tables that the tenant does not have yet."""
    for target in hop.template.publish:
        make_table(hop.services.warehouse, hop.task.tenant_id, get_table("tenant_dataset", target.table))


def publish_statement(template: Template, staged: Mapping[str, str]) -> Statement:
    """The whole transaction; `staged` gives each step's staging table as `{staging}.name`."""
    parts = [statement(_PUBLISH, "take_proof"), *_replacements(template, staged), statement(_PUBLISH, "finish_run")]
    return joined("publish", parts, "\n\n")


def _replacements(template: Template, staged: Mapping[str, str]) -> Iterator[Statement]:
    for target in template.publish:
        for part in _replace_days(template, target, staged[target.step]):
            yield part.prefixed(f"{target.table}_")


def _replace_days(template: Template, target: Target, staged: str) -> Iterator[Statement]:
    published = f"{{dataset}}.{target.table}"
    billed = template_statements(template)[target.billed]
    yield statement(_PUBLISH, "note_restatements").naming(
        billed_before=billed.naming(rows=published), billed_after=billed.naming(rows=staged)
    )
    days = day_column(target.table, target.date_column)
    yield statement(_PUBLISH, "delete_days").naming(target=published, date_column=days)
    columns = [column.name for column in get_table("tenant_dataset", target.table).columns]
    yield statement(_PUBLISH, "insert_rows").naming(target=published, staged=staged, columns=columns)


def publish(
    hop: Hop, records: Mapping[str, StepRecord], *, bytes_billed: int, max_bytes_billed: int | None
) -> StepResult:
    """Publish what is staged; FenceLost, and nothing changed, when another attempt took over.

    BytesLimitExceeded, before anything is paid, when it would bill more than is left.
    """
    staged = {step_id: f"{{staging}}.{record.output_table}" for step_id, record in records.items()}
    rows = sum(records[target.step].rows or 0 for target in hop.template.publish)
    values = _values(hop, records, rows=rows, bytes_billed=bytes_billed)
    parts, frame = list(_replacements(hop.template, staged)), _FRAME_TABLES * LEAST_BILLED_BYTES
    require_within(hop, "publish", max_bytes_billed, parts, values, besides=frame)
    script = publish_statement(hop.template, staged)
    job = hop.services.runs.transact(
        script,
        values,
        job_id=f"cvg-publish-{hop.task.lease_id}",
        dataset=hop.task.tenant_id,
        pause=hop.control.pause_for_job,
        max_bytes_billed=max_bytes_billed,
    )
    return StepResult(rows=rows, job_id=job.job_id, costs=JobCosts.of_job(job))


def _values(hop: Hop, records: Mapping[str, StepRecord], *, rows: int, bytes_billed: int) -> dict[str, Any]:
    task, details = hop.task, [record.details for record in records.values()]
    values: dict[str, Any] = {
        "pipeline_id": hop.template.pipeline_id,
        "source": hop.source,
        "token": hop.begun.token,
        "lease_id": task.lease_id,
        "run_id": task.run_id,
        "tenant_id": task.tenant_id,
        "pipeline_logging_id": task.pipeline_logging_id,
        "rows_published": rows,
        "bytes_billed": bytes_billed,
        "watermark": _latest(details, "watermark"),
        "seen_until": _latest(details, "seen_until"),
    }
    for target in hop.template.publish:
        prefix = f"{target.table}_"
        values |= {
            f"{prefix}pipeline_logging_id": task.pipeline_logging_id,
            f"{prefix}table_name": target.table,
            f"{prefix}source": hop.source,
            f"{prefix}dates": [date.fromisoformat(day) for day in records[target.step].details["dates"]],
        }
    return values


def _latest(details: list[Mapping[str, Any]], name: str) -> datetime | None:
    moments = [datetime.fromisoformat(item[name]) for item in details if item.get(name)]
    return max(moments, default=None)
