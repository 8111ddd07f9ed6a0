"""Runs an extract step: streams days of the tenant's export into a staging table, in one load job or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from shared.adapters.bigquery.costs import JobCosts
from shared.adapters.bigquery.job_errors import Missing
from shared.adapters.bigquery.sql import statement
from shared.adapters.google.tenant_export import open_tenant_export
from shared.connectors.daily_totals import DailyTotals, DayFigures
from shared.connectors.gcp.billing_export import TABLE, GcpBillingExport, Selection
from shared.domain.credentials.billing_exports import OTHER_COLUMNS, named
from shared.domain.credentials.credentials import GcpImpersonation, GcpServiceAccountKey
from shared.domain.credentials.google_names import is_of_project
from shared.domain.templates.grain import days_between
from shared.domain.templates.templates import MAX_DAYS
from shared.errors import CredentialsRejected, InvalidParameters, SourceLocation, SourceNotFound
from shared.pipeline.byte_limits import require_within
from shared.pipeline.context import HopContext, day_of
from shared.pipeline.plan import PlannedStep
from shared.pipeline.steps.result import StepResult
from shared.pipeline.steps.staged_batches import stage_batches
from shared.runtime import log

_EXTRACT = "pipeline/extract"
_NO_COSTS = JobCosts(bytes_billed=0)


def extract(hop: HopContext, step: PlannedStep, *, max_bytes_billed: int | None) -> StepResult:
    """Load the wanted days into the step's staging table. The result names them and has their counts.

    Reading and loading bill nothing. Only the query of the published days does; BytesLimitExceeded is raised if it
    would bill too much.
    """
    connector = _connector(hop, step)
    selection, costs = _select(hop, step, connector, max_bytes_billed)
    step = step.over(selection.dates)
    totals, table = DailyTotals(), hop.staging_table(step)
    job_id = stage_batches(hop, step, _counted(hop, connector.batches(selection.dates), totals), TABLE)
    dates = sorted({*selection.dates, *totals.dates})
    return StepResult(
        rows=totals.rows,
        costs=costs,
        job_id=job_id,
        output_table=table,
        details={
            "dates": [str(day) for day in dates],
            "unchanged_days": selection.unchanged,
            "days_left": selection.left,
            "counted": totals.by_day(),
            "seen_until": _text(totals.seen_until),
            "watermark": _text(selection.watermark),
        },
        checks=list(_warnings(hop, step, connector, left=selection.left)),
    )


def _select(
    hop: HopContext, step: PlannedStep, connector: GcpBillingExport, max_bytes_billed: int | None
) -> tuple[Selection, JobCosts]:
    """The days to load, and the costs of finding them.

    They are the days that the run names, both ends included. A run without dates takes the days that were exported
    since the watermark and differ from the published ones. If they exceed the limit of one job, it loads the oldest
    days and leaves the others to the next run. It raises InvalidParameters if the next run could not find them.
    """
    first, last = day_of(step.values.get("start_date")), day_of(step.values.get("end_date"))
    if first and last:
        return Selection(days_between(first, last)), _NO_COSTS
    watermark, late = hop.begun.watermark, timedelta(hours=step.values["late_hours"])
    can_compare = (TABLE, step.id) in [(target.table, target.step) for target in hop.template.publish]
    exported = connector.find_days(since=watermark - late if watermark else None)
    published, costs = _count_published(hop, step, exported.days if can_compare else [], max_bytes_billed)
    if published is None and watermark:  # nothing was ever published there, so every day is new
        exported = connector.find_days(since=None)
    found = connector.select_changed(exported, published or {}, watermark=watermark)
    if not found.dates:
        log.info("nothing new", watermark=_text(found.watermark), unchanged_days=found.unchanged)
    if len(found.dates) > MAX_DAYS and not can_compare:
        way_out = "request them by start_date and end_date, or as a backfill"
        raise InvalidParameters(f"{len(found.dates)} days are new, and a run loads at most {MAX_DAYS}; {way_out}.")
    return found.first(MAX_DAYS), costs


def _count_published(
    hop: HopContext, step: PlannedStep, dates: Sequence[date], max_bytes_billed: int | None
) -> tuple[Mapping[date, DayFigures] | None, JobCosts]:
    """The published figures of these days, and the query's costs. The figures are None if there is no such table."""
    if not dates:
        return {}, _NO_COSTS
    count, values = statement(_EXTRACT, "count_published"), {"source": hop.source, "dates": dates}
    job_id = f"cvg-count-{hop.task.lease_id}-{hop.task.hop}"  # another attempt counts again
    try:
        require_within(hop, f"steps.{step.id}", max_bytes_billed, [count], values)
        job = hop.ask(count, values, job_id=job_id, max_bytes_billed=max_bytes_billed)
    except Missing:
        return None, _NO_COSTS
    rows = hop.services.warehouse.rows_of(job)
    figures = {row["usage_date"]: (row["row_count"], row["cost"], row["credit"], row["exported"]) for row in rows}
    return figures, JobCosts.of_job(job)


def _warnings(
    hop: HopContext, step: PlannedStep, connector: GcpBillingExport, *, left: int
) -> Iterator[Mapping[str, Any]]:
    """Warnings about rows that are not loaded, unknown and missing columns, and days left. See docs/adr/0010."""
    without_day, unknown = connector.count_without_day(), connector.unknown_columns()
    yield _warning(
        hop, step, "rows_have_a_usage_day", without_day, f"{without_day} rows without a usage day, not loaded"
    )
    if unknown:
        observed = f"columns that are not known here, kept in {OTHER_COLUMNS}: {named(unknown)}"
        yield _warning(hop, step, "columns_are_known", len(unknown), observed)
    if missing := connector.missing_columns():
        observed = f"columns that every export has and this one lacks, taken as NULL: {named(missing)}"
        yield _warning(hop, step, "columns_are_there", len(missing), observed)
    if left:
        yield _warning(hop, step, "no_days_are_left", left, f"{left} newer days left to the next run")


def _warning(hop: HopContext, step: PlannedStep, name: str, found: int, observed: str) -> Mapping[str, Any]:
    return {
        "step_id": step.id,
        "check_id": f"{step.id}.{name}",
        "table_name": TABLE,
        "severity": "warn",
        "passed": found == 0,
        "observed": observed,
        "expected": "0",
        "failed_rows": found,
        "checked_at": str(hop.run.read_at),
    }


def _connector(hop: HopContext, step: PlannedStep) -> GcpBillingExport:
    credential, settings = hop.credential, hop.services.settings
    if not isinstance(credential, GcpServiceAccountKey | GcpImpersonation):
        raise CredentialsRejected("The stored credential is not one for Google Cloud; store one.")
    if is_of_project(credential.account, settings.project_id):
        raise CredentialsRejected("The credential names an account of the platform; name one of your own.")
    name = step.values.get("export_table") or credential.billing_export_table
    if not name:
        raise SourceNotFound("Neither the credential nor the run names a billing_export_table; name it in one of them.")
    export = open_tenant_export(credential, name, settings)
    is_keyless = isinstance(credential, GcpImpersonation)
    table = export.describe_for(hop.task.tenant_id) if is_keyless else export.describe()
    if table.location.upper() != settings.bigquery_location.upper() and not settings.allow_other_location:
        raise SourceLocation(f"{name} is in {table.location}, but the platform is in {settings.bigquery_location}.")
    connector = GcpBillingExport(export, table, hop.source, hop.task.pipeline_logging_id, hop.snapshot_at)
    connector.check_table()
    return connector


def _counted(hop: HopContext, batches: Iterator[pa.RecordBatch], totals: DailyTotals) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        hop.stop_signal.check_work()
        if batch.num_rows:
            totals.add(batch)
            yield batch


def _text(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
