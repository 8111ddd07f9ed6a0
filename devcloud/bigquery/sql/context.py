"""The context in which a statement is bound, and the facts that binding records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from devcloud.bigquery.model import BigQueryError, Json, TableRef, invalid_query
from devcloud.bigquery.types import SqlType, field_type

NOW = "now"
_DATASET = re.compile(r"[A-Za-z0-9_\-]{1,1024}")


@dataclass
class Context:
    """The context of one statement: project, tables, parameters, and script variables by their lower-case names."""

    project: str
    default_dataset: tuple[str, str] | None
    find_table: Callable[[TableRef], Json]
    list_tables: Callable[[str, str], list[Json]]
    parameters: Mapping[str, SqlType]
    positional: tuple[SqlType, ...] = ()
    variables: Mapping[str, SqlType] = field(default_factory=dict)
    temp_tables: Mapping[str, list[tuple[str, SqlType]]] = field(default_factory=dict)
    # Tables by the placeholder names that stand for them in the statement's text (plan_cache_keys.py).
    lifted: Mapping[str, TableRef] = field(default_factory=dict)
    # Facts that binding records.
    used: dict[str, tuple[str, str]] = field(default_factory=dict)
    referenced: dict[TableRef, Json] = field(default_factory=dict)
    volatile_metadata: bool = False
    _names: int = 0
    _positions: int = 0

    def fresh(self, prefix: str) -> str:
        """A DuckDB name that nothing else in the statement has."""
        self._names += 1
        return f"{prefix}{self._names}"

    def parameter(self, name: str) -> tuple[str, SqlType]:
        """The DuckDB text and type of @name."""
        if name.lower() not in self.parameters:
            raise invalid_query(f"Query parameter '{name}' not found")
        kind = self.parameters[name.lower()]
        return self._use("parameter", name.lower(), kind), kind

    def next_positional(self) -> tuple[str, SqlType]:
        """The DuckDB text and type of the next `?`."""
        if self._positions >= len(self.positional):
            raise invalid_query("Query has more positional parameters than were given")
        kind = self.positional[self._positions]
        self._positions += 1
        return self._use("positional", str(self._positions), kind), kind

    def variable(self, name: str) -> tuple[str, SqlType] | None:
        """The DuckDB text and type of a script variable, or None."""
        kind = self.variables.get(name.lower())
        return None if kind is None else (self._use("variable", name.lower(), kind), kind)

    def system(self, name: str, kind: SqlType) -> str:
        """The DuckDB text of a value that the engine provides for every statement, for example the current time."""
        return self._use("system", name, kind)

    def _use(self, source: str, name: str, kind: SqlType) -> str:
        key = f"{source[0]}{len(self.used)}"
        for known, use in self.used.items():
            if use == (source, name):
                key = known
        self.used[key] = (source, name)
        return f"CAST(${key} AS {kind.duckdb})"

    def table_ref(self, parts: list[str]) -> TableRef:
        """The table of a path of one to three names; raises BigQuery's error for a path without a dataset."""
        if len(parts) == 1:
            if parts[0] in self.lifted:
                return self.lifted[parts[0]]
            if self.default_dataset is None:
                raise BigQueryError(
                    "invalidQuery",
                    f'Table "{parts[0]}" must be qualified with a dataset (e.g. dataset.table).',
                    location="query",
                )
            return TableRef(*self.default_dataset, parts[0])
        if not _DATASET.fullmatch(parts[-2]):
            what = (
                f'Invalid dataset ID "{parts[-2]}". Dataset IDs must be alphanumeric (plus underscores and dashes) '
                "and must be at most 1024 characters long."
            )
            raise BigQueryError("invalid", what, location=".".join(parts))
        return TableRef(".".join(parts[:-2]) or self.project, parts[-2], parts[-1])

    def table(self, ref: TableRef) -> Json:
        """The REST resource of a table that the statement refers to; raises notFound."""
        if ref not in self.referenced:
            self.referenced[ref] = self.find_table(ref)
        return self.referenced[ref]


def columns_of(resource: Json) -> list[tuple[str, SqlType]]:
    """The names and types of a table's columns."""
    return [(str(f["name"]), field_type(f)) for f in resource.get("schema", {}).get("fields", [])]
