"""Reads the files of load jobs. NDJSON and CSV are converted to a typed Parquet file. Parquet is read directly."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from devcloud.bigquery.arrow import arrow_schema, table_fields
from devcloud.bigquery.model import BigQueryError, Json, not_implemented
from devcloud.bigquery.sql.literals import quote_text
from devcloud.bigquery.values import Reading, ValueProblem, parse_json, row_decoder

_BATCH_ROWS = 10_000
Rows = Iterator[tuple[str, Callable[[], dict[str, Any]]]]


def parquet_fields(path: Path, configuration: Json) -> list[Json]:
    """The fields of an uploaded Parquet file; raises if one cannot be loaded."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise reading_problem(f"The file is not valid Parquet: {error}") from error
    inferred = (configuration.get("parquetOptions") or {}).get("enableListInference")
    if not inferred and any(field.get("mode") == "REPEATED" for field in table_fields(schema)):
        # Without this option BigQuery loads a list as a record with a repeated field `list`. The product never needs
        # that.
        raise not_implemented("Parquet lists without parquetOptions.enableListInference")
    return table_fields(schema)


def parquet_relation(path: Path) -> str:
    """The DuckDB relation that streams the file."""
    return f"read_parquet({quote_text(str(path))})"


def to_parquet(source: Path, target: Path, fields: list[Json], configuration: Json) -> int:
    """Write the NDJSON or CSV rows of `source` to `target`; returns how many bad ones were skipped as allowed."""
    plain = _plain(source)
    kind = configuration.get("sourceFormat") or "CSV"
    rows = _json_rows(plain, fields, configuration) if kind != "CSV" else _csv_rows(plain, fields, configuration)
    allowed = int(configuration.get("maxBadRecords") or 0)
    schema = arrow_schema([field | {"mode": _loose(field)} for field in fields])
    good = _Good(rows, allowed)
    with pq.ParquetWriter(target, schema) as writer:
        while batch := list(islice(good, _BATCH_ROWS)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return good.bad


def _loose(field: Json) -> str:
    return "REPEATED" if field["mode"] == "REPEATED" else "NULLABLE"


class _Good:
    """Iterates over the valid rows and counts the bad ones; raises if there are more than allowed."""

    def __init__(self, rows: Rows, allowed: int) -> None:
        self._rows, self._allowed, self.bad = rows, allowed, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        for where, read in self._rows:
            try:
                return read()
            except ValueProblem as problem:
                self.bad += 1
                if self.bad > self._allowed:
                    raise reading_problem(f"{where}: {problem.message}") from problem
        raise StopIteration


def _json_rows(path: Path, fields: list[Json], configuration: Json) -> Rows:
    unknown, zone = bool(configuration.get("ignoreUnknownValues")), configuration.get("timeZone") or "UTC"
    decode = row_decoder(fields, Reading(ignore_unknown=unknown, time_zone=zone))
    with path.open("rb") as lines:
        position = 0
        for line in lines:
            if line.strip():
                yield (
                    f"JSON parsing error in row starting at position {position}",
                    lambda line=line: decode(_object(line)),  # type: ignore[misc]
                )
            position += len(line)


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except (ValueError, RecursionError) as error:
        raise ValueProblem("", f"Parser terminated before end of string ({error})") from error
    if not isinstance(row, dict):
        raise ValueProblem("", "Start of object expected.")
    return row


def _csv_rows(path: Path, fields: list[Json], configuration: Json) -> Rows:
    decode = row_decoder(fields, Reading(json_text=True, time_zone=configuration.get("timeZone") or "UTC"))
    names = [field["name"] for field in fields]
    if nested := [field["name"] for field in fields if field["type"] == "RECORD" or field["mode"] == "REPEATED"]:
        raise BigQueryError("invalid", f"Nested or repeated field {nested[0]} cannot be loaded from CSV")
    skipped = int(configuration.get("skipLeadingRows") or 0)
    with duckdb.connect() as reader:
        cursor = _execute_csv(reader, path, fields, configuration)
        number = skipped
        try:
            while batch := cursor.fetchmany(_BATCH_ROWS):
                for row in batch:
                    number += 1
                    if not configuration.get("allowQuotedNewlines") and any(_has_line_break(value) for value in row):
                        yield f"Error in CSV row {number}", _refuse_line_break
                        continue
                    given = {n: v for n, v in zip(names, row, strict=True) if v is not None}
                    yield f"Error in CSV row {number}", lambda given=given: decode(given)  # type: ignore[misc]
        except duckdb.Error as error:
            raise reading_problem(f"CSV table encountered too many errors: {error}") from error


def _has_line_break(value: str | None) -> bool:
    return value is not None and ("\n" in value or "\r" in value)


def _refuse_line_break() -> dict[str, Any]:
    raise ValueProblem("", 'Missing close quote character ("): allowQuotedNewlines is not set.')


def _execute_csv(
    reader: duckdb.DuckDBPyConnection, path: Path, fields: list[Json], configuration: Json
) -> duckdb.DuckDBPyConnection:
    if str(configuration.get("encoding") or "UTF-8").upper() not in ("UTF-8", "UTF8"):
        raise not_implemented(f"CSV encoding {configuration['encoding']}")
    delimiter = configuration.get("fieldDelimiter") or ","
    options = {
        "delim": "\t" if delimiter in ("tab", "\\t") else delimiter,
        "quote": configuration.get("quote", '"'),
        "escape": configuration.get("quote", '"'),
        "nullstr": configuration.get("nullMarker") or "",
    }
    columns = ", ".join(f"{quote_text(field['name'])}: 'VARCHAR'" for field in fields)
    # As in BigQuery, a quoted empty text is an empty string, and an unquoted one is NULL.
    statement = (
        f"SELECT * FROM read_csv({quote_text(str(path))}, columns = {{{columns}}}, auto_detect = FALSE, header = FALSE,"
        f" {', '.join(f'{name} = {quote_text(value)}' for name, value in options.items())}, allow_quoted_nulls = FALSE,"
        f" skip = {int(configuration.get('skipLeadingRows') or 0)},"
        f" null_padding = {bool(configuration.get('allowJaggedRows'))})"
    )
    try:
        return reader.execute(statement)
    except duckdb.Error as error:
        raise reading_problem(f"CSV table encountered too many errors: {error}") from error


def _plain(source: Path) -> Path:
    """The file, unpacked if it is gzip."""
    with source.open("rb") as start:
        if start.read(2) != b"\x1f\x8b":
            return source
    target = source.with_suffix(".plain")
    with gzip.open(source) as packed, target.open("wb") as unpacked:
        try:
            shutil.copyfileobj(packed, unpacked)
        except (OSError, EOFError) as error:
            raise reading_problem(f"The gzip file is damaged: {error}") from error
    return target


def reading_problem(what: str) -> BigQueryError:
    """BigQuery's error for data that it cannot read."""
    return BigQueryError("invalid", f"Error while reading data, error message: {what}")
