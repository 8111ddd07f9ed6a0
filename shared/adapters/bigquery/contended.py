"""Retries changes that BigQuery aborts because another writer changes the same tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from google.api_core import exceptions as google
from google.api_core import retry as google_retry
from google.cloud import bigquery

from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.errors import TransactionAborted

# Other writers finish soon, so the first pause is short. The backoff is exponential, with jitter.
_INITIAL_SECONDS, _LONGEST_SECONDS, _IN_ALL_SECONDS = 0.3, 5.0, 60.0


def changed_rows(
    warehouse: Warehouse, change: Statement, values: Mapping[str, Any], *, for_seconds: float = _IN_ALL_SECONDS
) -> int:
    """Run a statement of DML, again while other writers abort it, and return the number of rows that it changed."""
    with translated():
        job = retried(partial(warehouse.change, change, values), for_seconds=for_seconds)
    return int(job.num_dml_affected_rows or 0)


def retried(run: Callable[[], bigquery.QueryJob], *, for_seconds: float = _IN_ALL_SECONDS) -> bigquery.QueryJob:
    """Call `run` again while other writers abort its job. It raises TransactionAborted after `for_seconds`."""
    retry = google_retry.Retry(
        predicate=google_retry.if_exception_type(TransactionAborted),
        initial=_INITIAL_SECONDS,
        maximum=_LONGEST_SECONDS,
        timeout=for_seconds,
    )
    try:
        job: bigquery.QueryJob = retry(run)()
    except google.RetryError as error:
        raise TransactionAborted from error
    return job
