"""Runs a step that loads billing files: whole billing periods, from the tenant's bucket into a staging table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from shared.adapters.bigquery.costs import JobCosts
from shared.connectors.aws.billing_files import AwsBillingFiles
from shared.connectors.azure.billing_files import AzureBillingFiles
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.focus.billing_files import AwsFocusFiles, AzureFocusFiles, FocusFiles
from shared.connectors.objects.billing_files import BillingFiles
from shared.connectors.objects.deliveries import Delivery
from shared.connectors.tenant_buckets import StoreCredential, open_store
from shared.domain.credentials.billing_exports import named
from shared.domain.object_stores import ObjectStore
from shared.errors import CredentialsRejected
from shared.pipeline.context import HopContext, day_of
from shared.pipeline.plan import PlannedStep
from shared.pipeline.steps.result import StepResult
from shared.pipeline.steps.staged_batches import stage_batches
from shared.runtime import log

_CONNECTORS: Mapping[str, type[BillingFiles]] = {
    "aws_billing_files": AwsBillingFiles,
    "azure_billing_files": AzureBillingFiles,
    "aws_focus_files": AwsFocusFiles,
    "azure_focus_files": AzureFocusFiles,
    "focus_files": FocusFiles,
}


def load_billing_files(hop: HopContext, step: PlannedStep) -> StepResult:
    """Load the wanted billing periods into the step's staging table. The result names them and has their counts."""
    connector = _connector(hop, step)
    selected = _selected(hop, step, connector)
    deliveries = {str(found.period): found.digest for found in selected}
    step = step.over(sorted(deliveries.items()))
    totals, table = BilledTotals(), hop.staging_table(step)
    job_id = stage_batches(hop, step, _counted(hop, connector, selected, totals), connector.table)
    return StepResult(
        rows=totals.rows,
        costs=JobCosts(bytes_billed=0),
        job_id=job_id,
        output_table=table,
        details={
            "dates": sorted(deliveries),
            "deliveries": deliveries,
            "unchanged_periods": len(connector.deliveries) - len(selected),
            "counted": totals.by_day(),
            "seen_until": max((found.delivered_at.isoformat() for found in selected), default=None),
        },
        checks=list(_warnings(hop, step, connector)),
    )


def _connector(hop: HopContext, step: PlannedStep) -> BillingFiles:
    return _CONNECTORS[step.uses](_store(hop), hop.source, hop.task.pipeline_logging_id, hop.snapshot_at)


def _store(hop: HopContext) -> ObjectStore:
    provider = hop.template.credentials
    if not isinstance(hop.credential, StoreCredential) or hop.credential.provider != provider:
        raise CredentialsRejected(f"The stored credential is not one of {provider}; store credentials for {provider}.")
    return open_store(hop.credential, hop.services.settings, tenant_id=hop.task.tenant_id)


def _selected(hop: HopContext, step: PlannedStep, connector: BillingFiles) -> Sequence[Delivery]:
    """The billing periods of the run's days. A run without days takes the periods that were delivered anew."""
    first, last = day_of(step.values.get("start_date")), day_of(step.values.get("end_date"))
    if first and last:
        return connector.between(first, last)
    found = connector.changed(hop.begun.deliveries)
    if not found:
        log.info("nothing new", unchanged_periods=len(connector.deliveries))
    return found


def _counted(
    hop: HopContext, connector: BillingFiles, selected: Sequence[Delivery], totals: BilledTotals
) -> Iterator[pa.RecordBatch]:
    for batch in connector.batches(selected):
        hop.stop_signal.check_work()
        if batch.num_rows:
            connector.count_billed(batch, totals)
            yield batch


def _warnings(hop: HopContext, step: PlannedStep, connector: BillingFiles) -> Iterator[Mapping[str, Any]]:
    if unknown := sorted(connector.unknown_columns):
        yield {
            "step_id": step.id,
            "check_id": f"{step.id}.columns_are_known",
            "table_name": connector.table,
            "severity": "warn",
            "passed": False,
            "observed": f"columns that are not known here, kept in x_other_columns: {named(unknown)}",
            "expected": "0",
            "failed_rows": len(unknown),
            "checked_at": str(hop.run.read_at),
        }
