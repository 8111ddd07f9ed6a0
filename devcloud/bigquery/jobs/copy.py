"""Copy jobs: they copy tables, or one partition of each, into a table."""

from __future__ import annotations

from dataclasses import replace

from devcloud.bigquery import access, catalog
from devcloud.bigquery.columns import PARTITION_TIME, is_ingestion_partitioned, physical_name
from devcloud.bigquery.jobs.job import Job, Outcome
from devcloud.bigquery.jobs.locations import check_locations
from devcloud.bigquery.jobs.writes import options_of, write_rows
from devcloud.bigquery.model import BigQueryError, Json, not_implemented
from devcloud.bigquery.partitions import Destination, parse_destination, partition_condition, unexpired
from devcloud.bigquery.sql.session import Session
from devcloud.bigquery.types import quoted

_ROWS = "_devcloud_copied"
_KEPT = ("timePartitioning", "clustering", "description", "labels")


def run_copy(job: Job, session: Session) -> Outcome:
    """Copy inside the session; the caller commits."""
    copy = job.configuration["copy"]
    sources = [parse_destination(one, project=job.project) for one in copy.get("sourceTables") or [copy["sourceTable"]]]
    target = parse_destination(copy["destinationTable"], project=job.project)
    if copy.get("operationType") not in (None, "COPY", "OPERATION_TYPE_UNSPECIFIED"):
        raise not_implemented(f"copy jobs with operationType {copy['operationType']}")
    session.read()
    for source in sources:
        access.check_table(session.cursor, job.caller, source.ref, write=False)
    access.check_table(session.cursor, job.caller, target.ref, write=True)
    check_locations(session, job.location, [one.ref for one in [*sources, target]])
    with session.optimised():
        written = sum(_copy_one(session, source, target, copy, first=n == 0) for n, source in enumerate(sources))
    statistics = {"copiedRows": str(written)}
    read = [source.ref for source in sources]
    return Outcome({"copy": statistics}, statement_type="COPY", read_tables=read, written_tables=[target.ref])


def _copy_one(session: Session, source: Destination, target: Destination, copy: Json, *, first: bool) -> int:
    table = catalog.get_table(session.cursor, source.ref)
    if table["type"] != "TABLE":
        raise BigQueryError("invalid", f"Cannot copy a view: {source.ref}")
    options = options_of(copy, write="WRITE_EMPTY")
    keeps_partitions = is_ingestion_partitioned(table) and target.partition is None
    options = replace(
        options,
        resource={key: table[key] for key in _KEPT if key in table},
        partition_time=keeps_partitions,
        write=options.write if first else "WRITE_APPEND",
    )
    fields = table["schema"]["fields"]
    rows = _selection(session, source, table, fields, keeps_partitions=keeps_partitions)
    return write_rows(session, target, rows, fields, options)


def _selection(
    session: Session, source: Destination, table: Json, fields: list[Json], *, keeps_partitions: bool
) -> str:
    names = [quoted(field["name"]) for field in fields] + ([PARTITION_TIME] if keeps_partitions else [])
    statement = f"SELECT {', '.join(names)} FROM {physical_name(source.ref)}"
    condition, parameters = partition_condition(table, source.partition) if source.partition else ("TRUE", [])
    statement += f" WHERE {condition} AND {unexpired(table) or 'TRUE'}"
    # The rows go to a temporary table first, so that a table may be copied into a partition of itself.
    session.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {_ROWS} AS {statement}", parameters)
    return _ROWS
