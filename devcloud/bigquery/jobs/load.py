"""Load jobs: they load an uploaded file into a table."""

from __future__ import annotations

from pathlib import Path

import duckdb

from devcloud.bigquery import access, catalog
from devcloud.bigquery.columns import normal_field
from devcloud.bigquery.jobs.job import Job, Outcome
from devcloud.bigquery.jobs.locations import check_locations
from devcloud.bigquery.jobs.sources import parquet_fields, parquet_relation, to_parquet
from devcloud.bigquery.jobs.writes import options_of, write_rows
from devcloud.bigquery.model import BigQueryError, Json, not_found, not_implemented
from devcloud.bigquery.partitions import Destination, parse_destination
from devcloud.bigquery.results import is_anonymous
from devcloud.bigquery.sql.literals import zone
from devcloud.bigquery.sql.session import Session
from devcloud.bigquery.table_rules import check_fields

_FORMATS = ("PARQUET", "NEWLINE_DELIMITED_JSON", "CSV")


def run_load(job: Job, session: Session) -> Outcome:
    """Load the job's upload inside the session; the caller commits."""
    load, upload = job.configuration["load"], job.upload
    destination = parse_destination(load["destinationTable"], project=job.project)
    access.check_table(_reading(session), job.caller, destination.ref, write=True)
    if upload is None:
        raise BigQueryError("invalid", "Load configuration must specify at least one source URI")
    _check_dataset(session, job, destination)
    parquet = upload.with_suffix(".parquet")
    try:
        fields, bad = _prepared(session, load, destination, upload, parquet)
        source = upload if load.get("sourceFormat") == "PARQUET" else parquet
        options = options_of(load, write="WRITE_APPEND")
        with session.optimised():
            written = write_rows(session, destination, parquet_relation(source), fields, options)
    finally:
        parquet.unlink(missing_ok=True)
        upload.with_suffix(".plain").unlink(missing_ok=True)
    statistics = {
        "inputFiles": "1",
        "inputFileBytes": str(upload.stat().st_size),
        "outputRows": str(written),
        "outputBytes": str(source.stat().st_size if source.exists() else 0),
        "badRecords": str(bad),
    }
    return Outcome({"load": statistics}, statement_type="LOAD", written_tables=[destination.ref])


def check_load(load: Json) -> None:
    """Refuse a JobConfigurationLoad that cannot be run as asked."""
    if not load.get("destinationTable"):
        raise BigQueryError("required", "Required parameter is missing: configuration.load.destinationTable")
    if load.get("sourceFormat", "CSV") not in _FORMATS:
        raise not_implemented(f"loading {load['sourceFormat']}")
    if load.get("sourceUris"):
        raise not_implemented("load jobs from sourceUris: upload the file")
    check_fields((load.get("schema") or {}).get("fields", []))
    zone(load.get("timeZone") or "UTC")  # raises for an unknown time zone
    if (load.get("sourceFormat") or "CSV") == "CSV" and load.get("ignoreUnknownValues"):
        raise not_implemented("ignoreUnknownValues for CSV")


def _prepared(
    session: Session, load: Json, destination: Destination, upload: Path, parquet: Path
) -> tuple[list[Json], int]:
    """The fields of the rows to load and how many bad rows were left out."""
    given = [normal_field(field) for field in (load.get("schema") or {}).get("fields", [])]
    if load.get("sourceFormat") == "PARQUET":
        found = parquet_fields(upload, load)
        return (_as_declared(found, given) if given else found), 0
    fields = given or _table_fields(session, destination)
    if not fields:
        if load.get("autodetect"):
            raise not_implemented("schema autodetection for CSV and NDJSON")
        raise BigQueryError("invalid", "No schema specified on job or table.")
    return fields, to_parquet(upload, parquet, fields, load)


def _as_declared(found: list[Json], given: list[Json]) -> list[Json]:
    names = {field["name"].lower() for field in found}
    for field in given:
        if field["mode"] == "REQUIRED" and field["name"].lower() not in names:
            raise BigQueryError("invalid", f"Required field {field['name']} is missing in the file")
    declared = {field["name"].lower(): field for field in given}
    if extra := [field["name"] for field in found if field["name"].lower() not in declared]:
        raise BigQueryError(
            "invalid", f"Provided Schema does not match the file. Cannot add fields (field: {extra[0]})"
        )
    return [declared[field["name"].lower()] for field in found]


def _table_fields(session: Session, destination: Destination) -> list[Json]:
    table = catalog.find_table(_reading(session), destination.ref)
    return table["schema"]["fields"] if table else []


def _check_dataset(session: Session, job: Job, destination: Destination) -> None:
    ref = destination.ref
    if is_anonymous(ref):
        raise not_implemented("writing into the dataset of anonymous results")
    if catalog.find_dataset(_reading(session), ref.project, ref.dataset) is None:
        raise not_found(f"Dataset {ref.project}:{ref.dataset}")
    check_locations(session, job.location, [ref])


def _reading(session: Session) -> duckdb.DuckDBPyConnection:
    session.read()
    return session.cursor
