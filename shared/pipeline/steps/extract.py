"""The extract step: from the tenant's export into a staging table, streamed, in one load job or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import chain
from typing import Any, cast

import pyarrow as pa

from shared import log
from shared.adapters.bigquery import Missing
from shared.adapters.query_costs import JobCosts
from shared.adapters.sql import statement
from shared.adapters.staging import Job
from shared.adapters.tenant_export import open_tenant_export
from shared.connectors.gcp_billing_export import TABLE, GcpBillingExport, Selection
from shared.connectors.parquet_stream import ParquetStream
from shared.connectors.tally import DayFigures, Tally
from shared.domain.credentials import GcpImpersonation, GcpServiceAccountKey
from shared.errors import CredentialsRejected, SourceLocation, SourceNotFound
from shared.pipeline.hop import Hop, day_of
from shared.pipeline.plan import PlannedStep
from shared.pipeline.steps.result import StepResult
from shared.pipeline.steps.staging_job import staging_job
from shared.tables import get_table

_EXTRACT = "pipeline/extract"
_DAY = timedelta(days=1)


def extract(hop: Hop, step: PlannedStep) -> StepResult:
    """Load the wanted days into the step's staging table; the result says which days and what was counted."""
    connector = _connector(hop, step)
    selection = _selection(hop, step, connector)
    step = step.over(selection.dates)
    tally, table = Tally(), hop.staging_table(step)
    job_id = _load(hop, step, _counted(hop, connector.batches(selection.dates), tally))
    dates = sorted({*selection.dates, *tally.dates})
    return StepResult(
        rows=tally.rows,
        costs=JobCosts(bytes_billed=0),
        job_id=job_id,
        output_table=table,
        details={
            "dates": [str(day) for day in dates],
            "unchanged_days": selection.unchanged,
            "counted": tally.by_day(),
            "seen_until": _text(tally.seen_until),
            "watermark": _text(selection.watermark),
        },
        checks=[_all_have_a_day(hop, step, connector.count_without_day())],
    )


def _selection(hop: Hop, step: PlannedStep, connector: GcpBillingExport) -> Selection:
    """The days that the run asks for, ends included; without any, the days that are not published as they are."""
    first, last = day_of(step.values.get("start_date")), day_of(step.values.get("end_date"))
    if first and last:
        return Selection([first + number * _DAY for number in range((last - first).days + 1)])
    late = timedelta(hours=step.values["late_hours"])
    found = connector.select_new(hop.begun.watermark, late=late, published=partial(_published, hop, step))
    if not found.dates:
        log.info("nothing new", watermark=_text(found.watermark), unchanged_days=found.unchanged)
    return found


def _published(hop: Hop, step: PlannedStep, dates: Sequence[date]) -> Mapping[date, DayFigures] | None:
    """What is published of these days; nothing when the template does not publish the step's rows as they are."""
    if not dates or (TABLE, step.id) not in [(target.table, target.step) for target in hop.template.publish]:
        return {}
    values = {"source": hop.source, "dates": dates}
    try:
        rows = hop.services.warehouse.read(statement(_EXTRACT, "count_published"), values, dataset=hop.task.tenant_id)
    except Missing:
        return None
    return {row["usage_date"]: (row["row_count"], row["cost"], row["exported"]) for row in rows}


def _all_have_a_day(hop: Hop, step: PlannedStep, without: int) -> Mapping[str, Any]:
    """A warning, as no run can load such rows, and other days are right without them. See docs/adr/0010."""
    return {
        "step_id": step.id,
        "check_id": f"{step.id}.rows_have_a_usage_day",
        "table_name": TABLE,
        "severity": "warn",
        "passed": without == 0,
        "observed": f"{without} rows without a usage day, not loaded",
        "expected": "0",
        "failed_rows": without,
        "checked_at": str(hop.run.read_at),
    }


def _connector(hop: Hop, step: PlannedStep) -> GcpBillingExport:
    credential, settings = hop.credential, hop.services.settings
    if not isinstance(credential, GcpServiceAccountKey | GcpImpersonation):
        raise CredentialsRejected("the credential is not one of Google Cloud")
    name = step.values.get("export_table") or credential.billing_export_table
    if not name:
        raise SourceNotFound("neither the credential nor the run names a billing_export_table")
    export = open_tenant_export(credential, name, settings)
    table = export.describe()
    if isinstance(credential, GcpImpersonation):
        export.check_names_tenant(table, hop.task.tenant_id)
    if table.location.upper() != settings.bigquery_location.upper() and not settings.allow_other_location:
        raise SourceLocation(f"{name} is in {table.location}, the platform in {settings.bigquery_location}")
    connector = GcpBillingExport(export, table, hop.source, hop.task.pipeline_logging_id, hop.snapshot_at)
    connector.check_columns()
    return connector


def _counted(hop: Hop, batches: Iterator[pa.RecordBatch], tally: Tally) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        hop.control.check()
        if batch.num_rows:
            tally.add(batch)
            yield batch


def _load(hop: Hop, step: PlannedStep, batches: Iterator[pa.RecordBatch]) -> str | None:
    """The id of the load job; None when there was nothing to load. Reads all batches in any case."""
    staging, table = hop.services.staging, hop.staging_table(step)
    columns = get_table("tenant_dataset", TABLE)
    first = next(batches, None)
    if first is None:
        staging.make_empty(table, columns)
        return None
    batches = chain([first], batches)

    def start(job_id: str) -> Job:
        file = cast(Any, ParquetStream(batches, GcpBillingExport.schema()))
        return staging.load(file, table, columns, job_id=job_id)

    job = staging_job(hop, step, start)
    for _ in batches:  # another attempt's job loaded the same rows; they are counted all the same
        pass
    return str(job.job_id)


def _text(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
