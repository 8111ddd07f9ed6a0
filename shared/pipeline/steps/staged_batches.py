"""Streams batches into a step's staging table, in one load job or none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, cast

import pyarrow as pa

from shared.adapters.bigquery.warehouse import Job
from shared.configuration.tables import get_table
from shared.connectors.arrow_types import arrow_schema
from shared.connectors.parquet_stream import ParquetStream
from shared.pipeline.context import HopContext
from shared.pipeline.plan import PlannedStep
from shared.pipeline.steps.staging_job import staging_job


def stage_batches(hop: HopContext, step: PlannedStep, batches: Iterator[pa.RecordBatch], table: str) -> str | None:
    """Load the batches and return the load job's id, or None if there is nothing to load. It reads all batches.

    The batches have the columns of `table`. If reading them raises an error, the upload ends before a job is created.
    """
    staging, staged, columns = hop.services.staging, hop.staging_table(step), get_table("tenant_dataset", table)
    first = next(batches, None)
    if first is None:
        staging.make_empty(staged, columns)
        return None
    batches = chain([first], batches)

    def start(job_id: str) -> Job:
        file = cast(Any, ParquetStream(batches, arrow_schema(columns.columns)))
        return staging.load(file, staged, columns, job_id=job_id)

    job = staging_job(hop, step, start)
    for _ in batches:  # another attempt's job loaded the same rows; reading them counts them
        pass
    return str(job.job_id)
