"""Query jobs: a statement or a script, its destination and its result."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa

from devcloud.bigquery import access, sizes
from devcloud.bigquery.jobs.job import Job, Outcome, now_ms
from devcloud.bigquery.jobs.latencies import Delays
from devcloud.bigquery.jobs.locations import check_locations
from devcloud.bigquery.jobs.writes import options_of, write_rows
from devcloud.bigquery.model import BigQueryError, Json, QueryRequest, QueryResult, TableRef, not_implemented
from devcloud.bigquery.partitions import Destination, parse_destination
from devcloud.bigquery.results import ResultStore, page_rows
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.errors import translate
from devcloud.bigquery.sql.session import Session

# The kinds of statements whose target table becomes the job's destination.
_WRITING = ("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE_TABLE", "CREATE_TABLE_AS_SELECT")


class QueryJobs:
    """Runs query jobs with the engine and keeps their rows."""

    def __init__(self, engine: Engine, results: ResultStore, delays: Delays) -> None:
        self._engine, self._results, self._delays = engine, results, delays

    def run(self, job: Job, session: Session) -> Outcome:
        """Run the job inside its session; the caller commits."""
        delay = partial(self._delays.wait, job)
        request = dataclasses.replace(_request(job, session), delay=delay)
        if job.is_dry_run:
            delay(request.sql)  # BigQuery's analysis takes about as long as a small statement does
            return self._dry_run(request, session)
        costs: list[int] = []
        request = dataclasses.replace(request, check=lambda known: costs.append(_checked_cost(request, session, known)))
        result = self._engine.run(request, session=session)
        if result.statement_type == "SELECT":
            result.bytes_processed = result.bytes_processed or sum(costs)
        check_locations(session, job.location, _tables(result))
        outcome = _outcome(session, result)
        outcome.statistics["query"]["totalSlotMs"] = str(now_ms() - (job.started or job.created))
        outcome.children = [_child(job, number, child) for number, child in enumerate(result.children)]
        if result.kept:
            self._write_kept(job, session, result, outcome)
        elif result.rows is not None:
            self._keep_rows(job, result, result.rows, outcome)
        if result.written_table is not None and result.statement_type in _WRITING:
            job.configuration["query"]["destinationTable"] = result.written_table.to_api()
        return outcome

    def _dry_run(self, request: QueryRequest, session: Session) -> Outcome:
        result = self._engine.run(dataclasses.replace(request, dry_run=True), session=session)
        outcome = _outcome(session, result)
        outcome.statistics["query"]["schema"] = {"fields": result.schema}
        outcome.answer = {"schema": {"fields": result.schema}, "totalBytesProcessed": _processed(session, result)}
        return outcome

    @staticmethod
    def _write_kept(job: Job, session: Session, result: QueryResult, outcome: Outcome) -> None:
        destination = parse_destination(job.configuration["query"]["destinationTable"], project=job.project)
        written = _write(job, session, destination, result)
        outcome.result = destination.ref
        outcome.written_tables.append(destination.ref)
        outcome.answer |= {"schema": {"fields": result.schema}, "totalRows": str(written)}

    def _keep_rows(self, job: Job, result: QueryResult, rows: pa.Table, outcome: Outcome) -> None:
        outcome.result = self._results.write(job.project, result.schema, rows)
        job.configuration["query"]["destinationTable"] = outcome.result.to_api()
        outcome.answer |= {"schema": {"fields": result.schema}, "totalRows": str(rows.num_rows)}
        if job.is_optional and result.statement_type == "SELECT" and rows.num_rows <= page_rows(rows):
            job.keeps_record = False  # the first answer has all rows, so nobody reads the job again


def _checked_cost(request: QueryRequest, session: Session, known: QueryResult) -> int:
    """The bytes that a statement would process, 0 if they are not needed; raises bytesBilledLimitExceeded."""
    limit = request.configuration.get("maximumBytesBilled")
    if limit is None:
        return 0
    processed = _processed(session, known)
    billed = sizes.billed(processed, len(known.referenced_tables))
    if billed > int(limit):
        what = f"Query exceeded limit for bytes billed: {limit}. {billed} or higher required."
        raise BigQueryError("bytesBilledLimitExceeded", what)
    return processed


def _write(job: Job, session: Session, destination: Destination, result: QueryResult) -> int:
    access.check_table(session.cursor, job.caller, destination.ref, write=True)
    check_locations(session, job.location, [destination.ref])
    _check_schema_updates(job.configuration["query"], destination)
    options = options_of(job.configuration["query"], write="WRITE_EMPTY")
    if result.values is None:
        with session.optimised():
            written = write_rows(session, destination, result.kept, result.schema, options)
        session.cursor.execute(f"DROP TABLE {result.kept}")
        return written
    try:
        with session.optimised(result.rows_read):
            return write_rows(session, destination, result.kept, result.schema, options, values=result.values)
    except duckdb.Error as error:
        raise translate(error) from error


def _check_schema_updates(query: Json, destination: Destination) -> None:
    truncates = query.get("writeDisposition") == "WRITE_TRUNCATE" and destination.partition
    if query.get("schemaUpdateOptions") and not (truncates or query.get("writeDisposition") == "WRITE_APPEND"):
        what = (
            "Schema update options should only be specified with WRITE_APPEND disposition, "
            "or with WRITE_TRUNCATE disposition on a table partition."
        )
        raise BigQueryError("invalid", what)


def _is_legacy(query: Json) -> bool:
    """Whether a query is in legacy SQL. Its first line decides, otherwise the option, by default true."""
    first = str(query.get("query") or "").lstrip().lower()
    if first.startswith(("#standardsql", "#legacysql")):
        return first.startswith("#legacysql")
    return bool(query.get("useLegacySql", True))


def _request(job: Job, session: Session) -> QueryRequest:
    query: dict[str, Any] = job.configuration["query"]
    if _is_legacy(query):
        raise not_implemented("legacy SQL: set useLegacySql to false")
    default = query.get("defaultDataset")

    def authorize(ref: TableRef, writes: bool) -> None:
        access.check_table(session.cursor, job.caller, ref, write=writes)
        check_locations(session, job.location, [ref])

    return QueryRequest(
        sql=str(query.get("query") or ""),
        project=job.project,
        default_dataset=(default.get("projectId") or job.project, default["datasetId"]) if default else None,
        parameters=tuple(query.get("queryParameters") or ()),
        parameter_mode=query.get("parameterMode") or "NAMED",
        destination=query.get("destinationTable"),
        configuration=query,
        authorize=authorize,
    )


def _tables(result: QueryResult) -> list[TableRef]:
    found = [*result.referenced_tables, *([result.written_table] if result.written_table else [])]
    for child in result.children:
        found += _tables(child)
    return list(dict.fromkeys(found))


def _processed(session: Session, result: QueryResult) -> int:
    return result.bytes_processed or sum(sizes.table_bytes(session, ref) for ref in result.referenced_tables)


def _outcome(session: Session, result: QueryResult) -> Outcome:
    session.read()
    processed = _processed(session, result)
    read = [ref for ref in _tables(result) if ref != result.written_table]
    query = {
        "statementType": result.statement_type,
        "totalBytesProcessed": str(processed),
        "totalBytesBilled": str(sizes.billed(processed, len(result.referenced_tables))),
        "totalSlotMs": "0",
        "cacheHit": False,
        "referencedTables": [ref.to_api() for ref in result.referenced_tables],
    } | _effects(result)
    statistics: Json = {"query": query, "totalBytesProcessed": str(processed)}
    if result.children:
        statistics["numChildJobs"] = str(len(result.children))
    answer = {"totalBytesProcessed": str(processed)} | {
        key: query[key] for key in ("numDmlAffectedRows", "dmlStats") if key in query
    }
    written = {ref.written_table for ref in [result, *result.children] if ref.written_table}
    return Outcome(statistics, answer, None, result.statement_type, read, sorted(written, key=str))


def _child(job: Job, number: int, result: QueryResult) -> Json:
    """The REST Job resource of a script's statement."""
    job_id = f"script_job_{hashlib.sha256(job.job_id.encode()).hexdigest()[:32]}_{number}"
    now = str(now_ms())
    return {
        "kind": "bigquery#job",
        "id": f"{job.project}:{job.location}.{job_id}",
        "jobReference": job.reference() | {"jobId": job_id},
        "configuration": {"jobType": "QUERY", "query": {"query": "", "useLegacySql": False}},
        "status": {"state": "DONE"},
        "statistics": {
            "creationTime": now,
            "startTime": now,
            "endTime": now,
            "parentJobId": job.job_id,
            "scriptStatistics": {"evaluationKind": "STATEMENT"},
            "query": {"statementType": result.statement_type} | _effects(result),
        },
        "user_email": job.caller.email,
    }


def _effects(result: QueryResult) -> Json:
    effects: Json = {}
    if result.dml_affected_rows is not None:
        effects["numDmlAffectedRows"] = str(result.dml_affected_rows)
        effects["dmlStats"] = result.dml_stats or {}
    if result.ddl_operation:
        effects["ddlOperationPerformed"] = result.ddl_operation
        if result.written_table:
            effects["ddlTargetTable"] = result.written_table.to_api()
    return effects
