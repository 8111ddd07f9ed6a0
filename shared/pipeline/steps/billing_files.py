"""Runs a step that loads billing files: whole billing periods, from the tenant's bucket into a staging table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from shared.adapters.aws.s3 import open_bucket
from shared.adapters.azure.blobs import open_container
from shared.adapters.bigquery.costs import JobCosts
from shared.adapters.google.workload_identity import identity_token
from shared.connectors.aws.billing_files import AwsBillingFiles
from shared.connectors.azure.billing_files import AzureBillingFiles
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.focus.billing_files import AwsFocusFiles, AzureFocusFiles, FocusFiles
from shared.connectors.objects.billing_files import BillingFiles
from shared.connectors.objects.deliveries import Delivery
from shared.domain.credentials.billing_exports import named
from shared.domain.credentials.credentials import AwsAccessKey, AwsRole, AzureClientSecret, AzureFederated
from shared.domain.credentials.trust import audience_of
from shared.domain.object_stores import ObjectStore
from shared.errors import CredentialsRejected
from shared.pipeline.context import Hop, day_of
from shared.pipeline.plan import PlannedStep
from shared.pipeline.steps.result import StepResult
from shared.pipeline.steps.staged_batches import stage_batches
from shared.runtime import log


def load_billing_files(hop: Hop, step: PlannedStep) -> StepResult:
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


def _connector(hop: Hop, step: PlannedStep) -> BillingFiles:
    told = hop.source, hop.task.pipeline_logging_id, hop.snapshot_at
    reads, opens = _CONNECTORS[step.uses]
    return reads(opens(hop), *told)


def _container(hop: Hop) -> ObjectStore:
    credential, settings = hop.credential, hop.services.settings
    if not isinstance(credential, AzureClientSecret | AzureFederated):
        raise CredentialsRejected("the credential is not one of Azure")
    audience = audience_of("AZURE", deployment=settings.project_id, tenant_id=hop.task.tenant_id)
    return open_container(
        credential,
        partial(identity_token, audience),
        endpoint=settings.blob_endpoint,
        authority=settings.entra_endpoint,
    )


def _bucket(hop: Hop) -> ObjectStore:
    credential, settings = hop.credential, hop.services.settings
    if not isinstance(credential, AwsAccessKey | AwsRole):
        raise CredentialsRejected("The stored credential is not one of AWS; store credentials for AWS.")
    audience = audience_of("AWS", deployment=settings.project_id, tenant_id=hop.task.tenant_id)
    return open_bucket(
        credential,
        partial(identity_token, audience),
        endpoint=settings.s3_endpoint,
        sts_endpoint=settings.sts_endpoint,
    )


def _store(hop: Hop) -> ObjectStore:
    is_azure = isinstance(hop.credential, AzureClientSecret | AzureFederated)
    return _container(hop) if is_azure else _bucket(hop)


_CONNECTORS: Mapping[str, tuple[type[BillingFiles], Callable[[Hop], ObjectStore]]] = {
    "aws_billing_files": (AwsBillingFiles, _bucket),
    "azure_billing_files": (AzureBillingFiles, _container),
    "aws_focus_files": (AwsFocusFiles, _bucket),
    "azure_focus_files": (AzureFocusFiles, _container),
    "focus_files": (FocusFiles, _store),
}


def _selected(hop: Hop, step: PlannedStep, connector: BillingFiles) -> Sequence[Delivery]:
    """The billing periods of the run's days. A run without days takes the periods that were delivered anew."""
    first, last = day_of(step.values.get("start_date")), day_of(step.values.get("end_date"))
    if first and last:
        return connector.between(first, last)
    found = connector.changed(hop.begun.deliveries)
    if not found:
        log.info("nothing new", unchanged_periods=len(connector.deliveries))
    return found


def _counted(
    hop: Hop, connector: BillingFiles, selected: Sequence[Delivery], totals: BilledTotals
) -> Iterator[pa.RecordBatch]:
    for batch in connector.batches(selected):
        hop.stop_signal.check_work()
        if batch.num_rows:
            connector.count_billed(batch, totals)
            yield batch


def _warnings(hop: Hop, step: PlannedStep, connector: BillingFiles) -> Iterator[Mapping[str, Any]]:
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
