"""An engine over an empty database, with short ways to query it."""

from __future__ import annotations

from typing import Any

import duckdb

from devcloud.bigquery import catalog
from devcloud.bigquery.model import Json, QueryRequest, QueryResult
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.session import Session

PROJECT, DATASET = "judge", "d"


class Warehouse:
    """One database with one dataset."""

    def __init__(self) -> None:
        self.database = duckdb.connect()
        catalog.set_up(self.database)
        self.engine = Engine(self.database)
        self.clear()

    def clear(self) -> None:
        """Create the dataset again, empty."""
        with self.engine.session() as session:
            session.read()
            if catalog.find_dataset(session.cursor, PROJECT, DATASET):
                if not catalog.list_tables(session.cursor, PROJECT, DATASET):
                    return
                catalog.drop_dataset(session.cursor, PROJECT, DATASET, delete_contents=True)
            catalog.create_dataset(session.cursor, PROJECT, DATASET, {})
            session.commit()

    def run(self, sql: str, session: Session | None = None, **values: tuple[str, Any]) -> QueryResult:
        """Run and commit, or run in the given session."""
        request = QueryRequest(
            sql, PROJECT, (PROJECT, DATASET), tuple(parameter(name, *value) for name, value in values.items())
        )
        if session is not None:
            return self.engine.run(request, session=session)
        with self.engine.session() as own:
            result = self.engine.run(request, session=own)
            own.commit()
            return result

    def rows(self, sql: str, **values: tuple[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a SELECT or of a script's last one."""
        result = self.run(sql, None, **values)
        assert result.rows is not None
        return [tuple(row.values()) for row in result.rows.to_pylist()]

    def value(self, sql: str, **values: tuple[str, Any]) -> Any:
        """The only value of a SELECT."""
        [(only,)] = self.rows(sql, **values)
        return only


def parameter(name: str, kind: str, value: Any) -> Json:
    """A REST queryParameter; `kind` is a scalar type, ARRAY<scalar> or ARRAY<STRUCT<name type, ...>>."""
    return {"name": name, "parameterType": _type(kind), "parameterValue": _value(_type(kind), value)}


def _type(kind: str) -> Json:
    if kind.startswith("ARRAY<"):
        return {"type": "ARRAY", "arrayType": _type(kind[6:-1])}
    if kind.startswith("STRUCT<"):
        members = [member.strip().split(" ", 1) for member in kind[7:-1].split(",")]
        return {"type": "STRUCT", "structTypes": [{"name": name, "type": _type(inner)} for name, inner in members]}
    return {"type": kind}


def _value(kind: Json, value: Any) -> Json:
    if kind["type"] == "ARRAY":
        return {"arrayValues": [_value(kind["arrayType"], item) for item in value]}
    if kind["type"] == "STRUCT":
        kinds = {member["name"]: member["type"] for member in kind["structTypes"]}
        return {"structValues": {name: _value(kinds[name], item) for name, item in value.items()}}
    return {"value": None if value is None else str(value)}
