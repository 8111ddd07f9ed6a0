"""GoogleSQL types, and how REST table fields and DuckDB columns spell them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from devcloud.bigquery.model import BigQueryError, Json, not_implemented

_DUCKDB = {
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "NUMERIC": "DECIMAL(38,9)",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMPTZ",
    "JSON": "JSON",
}
_ALIASES = {
    "INTEGER": "INT64",
    "INT": "INT64",
    "SMALLINT": "INT64",
    "BIGINT": "INT64",
    "TINYINT": "INT64",
    "BYTEINT": "INT64",
    "FLOAT": "FLOAT64",
    "BOOLEAN": "BOOL",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
    "RECORD": "STRUCT",
}
_REST = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
_KNOWN_UNSUPPORTED = frozenset({"BIGNUMERIC", "GEOGRAPHY", "INTERVAL", "RANGE"})


@dataclass(frozen=True)
class SqlType:
    """A GoogleSQL type; `element` is an array's, `fields` are a struct's (name, type) in order."""

    kind: str
    element: SqlType | None = None
    fields: tuple[tuple[str, SqlType], ...] = ()

    @property
    def duckdb(self) -> str:
        """The DuckDB type its values are stored as."""
        return _duckdb(self)

    @property
    def is_numeric(self) -> bool:
        """Whether arithmetic is defined on it."""
        return self.kind in ("INT64", "FLOAT64", "NUMERIC")

    def __str__(self) -> str:
        """The type as GoogleSQL spells it."""
        if self.element is not None:
            return f"ARRAY<{self.element}>"
        if self.kind == "STRUCT":
            return "STRUCT<" + ", ".join(f"{name} {kind}".strip() for name, kind in self.fields) + ">"
        return self.kind


STRING, BYTES, INT64, FLOAT64 = SqlType("STRING"), SqlType("BYTES"), SqlType("INT64"), SqlType("FLOAT64")
NUMERIC, BOOL, JSON = SqlType("NUMERIC"), SqlType("BOOL"), SqlType("JSON")
DATE, TIME, DATETIME, TIMESTAMP = SqlType("DATE"), SqlType("TIME"), SqlType("DATETIME"), SqlType("TIMESTAMP")


def array_of(element: SqlType) -> SqlType:
    """ARRAY<element>."""
    return SqlType("ARRAY", element=element)


def struct_of(fields: list[tuple[str, SqlType]]) -> SqlType:
    """STRUCT<fields>; an anonymous field has the name ''."""
    return SqlType("STRUCT", fields=tuple(fields))


def scalar_type(name: str) -> SqlType:
    """The scalar type of any of its spellings (INTEGER, INT64...); raises notImplemented or invalid."""
    kind = _ALIASES.get(name.upper(), name.upper())
    if kind in _KNOWN_UNSUPPORTED:
        raise not_implemented(f"the type {kind}")
    if kind not in _DUCKDB:
        raise BigQueryError("invalid", f"Invalid value for type: {name} is not a valid value")
    return SqlType(kind)


@cache
def _duckdb(kind: SqlType) -> str:
    if kind.element is not None:
        return f"{kind.element.duckdb}[]"
    if kind.kind == "STRUCT":
        names = unique_names([name for name, _ in kind.fields])
        inner = ", ".join(f"{quoted(name)} {field.duckdb}" for name, (_, field) in zip(names, kind.fields, strict=True))
        return f"STRUCT({inner})"
    return _DUCKDB[kind.kind]


def quoted(identifier: str) -> str:
    """A DuckDB identifier in quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def unique_names(names: list[str]) -> list[str]:
    """DuckDB's names of struct fields. DuckDB allows no empty or repeated names, so the position replaces them."""
    seen: set[str] = set()
    result = []
    for position, name in enumerate(names, start=1):
        unique = name if name and name.lower() not in seen else f"_field_{position}"
        seen.add(unique.lower())
        result.append(unique)
    return result


# REST fields ------------------------------------------------------------------------------------------------------


def field_type(field: Json) -> SqlType:
    """The type of a REST TableFieldSchema, its mode included."""
    name = str(field["type"]).upper()
    if name in ("RECORD", "STRUCT"):
        kind = struct_of([(str(inner["name"]), field_type(inner)) for inner in field.get("fields") or []])
    else:
        kind = scalar_type(name)
    return array_of(kind) if str(field.get("mode") or "").upper() == "REPEATED" else kind


def duckdb_type(field: Json) -> str:
    """The DuckDB type of a REST TableFieldSchema, its mode included."""
    return field_type(field).duckdb


def to_field(name: str, kind: SqlType, *, required: bool = False) -> Json:
    """The REST TableFieldSchema of a column; raises invalidQuery for an array of arrays."""
    mode = "REQUIRED" if required else "NULLABLE"
    if kind.element is not None:
        kind, mode = kind.element, "REPEATED"
        if kind.element is not None:
            raise BigQueryError("invalidQuery", "Arrays of arrays are not supported", location="query")
    field: Json = {"name": name, "type": _REST.get(kind.kind, kind.kind), "mode": mode}
    if kind.kind == "STRUCT":
        names = unique_names([inner for inner, _ in kind.fields])
        field["fields"] = [to_field(n, inner) for n, (_, inner) in zip(names, kind.fields, strict=True)]
    return field


def parameter_type(declared: Json) -> SqlType:
    """The type of a REST QueryParameterType; raises invalid for a missing or unknown one."""
    name = str(declared.get("type") or "").upper()
    if name == "ARRAY":
        return array_of(parameter_type(declared.get("arrayType") or {}))
    if name in ("STRUCT", "RECORD"):
        members = declared.get("structTypes") or []
        return struct_of([(str(member.get("name") or ""), parameter_type(member["type"])) for member in members])
    return scalar_type(name)
