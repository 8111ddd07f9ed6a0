"""JSON: reading by path, conversion to and from SQL values, TO_JSON_STRING by type."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder, function
from devcloud.bigquery.sql.expressions import field_of
from devcloud.bigquery.sql.json_text import normal_json
from devcloud.bigquery.sql.literals import quote_text
from devcloud.bigquery.sql.registry import define
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed
from devcloud.bigquery.types import JSON, STRING, SqlType, array_of, unique_names

_STEP = re.compile(r"\.([A-Za-z_\-$][\w\-$]*)|\.\"([^\"]*)\"|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]|\.(\d+)")

define("PARSE_JSON", ("STRING -> JSON", lambda given: _parsed(given[0])))
define("JSON_TYPE", ("JSON -> STRING", "bq_json_type({0})"))
define("BOOL", ("JSON -> BOOL", "bq_json_bool({0})"))
define("INT64", ("JSON -> INT64", "bq_json_int({0})"))
define("FLOAT64 DOUBLE", ("JSON -> FLOAT64", "bq_json_float({0})"))
define("LAX_STRING", ("JSON -> STRING", "bq_lax_string({0})"))
define("LAX_INT64", ("JSON -> INT64", "bq_lax_int({0})"))
define("LAX_FLOAT64 LAX_DOUBLE", ("JSON -> FLOAT64", "bq_lax_float({0})"))


def _parsed(text: Typed) -> str:
    constant = normal_json(text.value) if isinstance(text.value, str) else None
    parse = "bq_parse_quoted_json" if text.is_quoted else "bq_parse_json"
    return f"{parse}({text.sql})" if constant is None else f"CAST({quote_text(constant)} AS JSON)"


def _path(binder: Binder, node: exp.Anonymous, scope: Scope) -> str:
    """DuckDB's JSON path of the constant second argument; `$` without one."""
    if len(node.expressions) not in (1, 2):
        raise invalid_query(f"No matching signature for function {node.this}: {len(node.expressions)} arguments")
    if len(node.expressions) == 1:
        return quote_text("$")
    given = binder.expr(node.expressions[1], scope)
    if not isinstance(given.value, str):
        raise not_implemented("a JSON path that is not constant")
    return quote_text(_duckdb_path(given.value))


def _duckdb_path(path: str) -> str:
    if not path.startswith("$"):
        raise invalid_query(f"JSONPath must start with '$': {path}")
    steps, at = [], 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise not_implemented(f"the JSON path {path}")
        index = match[5] or match[6]
        name = next((part for part in match.groups()[:4] if part is not None), "")
        if '"' in name:
            raise not_implemented(f"the JSON path {path}")
        steps.append(f"[{index}]" if match[5] else f'."{index or name}"')
        at = match.end()
    return "$" + "".join(steps)


def _document(binder: Binder, node: exp.Anonymous, scope: Scope) -> tuple[str, SqlType]:
    value = binder.expr(node.expressions[0], scope)
    if value.type == STRING:
        # The part was already checked with its whole document. Binding a second check would take most of the time.
        return f"TRY_CAST({value.sql} AS JSON)" if value.is_json else f"bq_lenient_json({value.sql})", STRING
    if value.type != JSON:
        raise invalid_query(f"No matching signature for function {node.this} for argument types: {value.type}")
    return value.sql, JSON


@function("JSON_VALUE", "JSON_EXTRACT_SCALAR")
def bind_value(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """A scalar as text; NULL for objects, arrays, null and missing values."""
    document, _ = _document(binder, node, scope)
    return Typed(f"bq_json_value({document}, {_path(binder, node, scope)})", STRING)


@function("JSON_QUERY", "JSON_EXTRACT")
def bind_query(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """The JSON at a path, in the document's type."""
    document, kind = _document(binder, node, scope)
    text = f"json_extract({document}, {_path(binder, node, scope)})"
    return Typed(f"CAST(nullif({text}, 'null') AS VARCHAR)" if kind == STRING else text, kind)


@function("JSON_QUERY_ARRAY", "JSON_EXTRACT_ARRAY")
def bind_query_array(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """The elements of a JSON array; NULL when it is none."""
    document, kind = _document(binder, node, scope)
    text = f"bq_json_elements(json_extract({document}, {_path(binder, node, scope)}))"
    return Typed(f"CAST({text} AS VARCHAR[])" if kind == STRING else text, array_of(kind), is_json=True)


@function("JSON_VALUE_ARRAY", "JSON_EXTRACT_STRING_ARRAY")
def bind_value_array(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """The scalars of a JSON array as text; NULL when it is none or has other elements."""
    document, _ = _document(binder, node, scope)
    return Typed(f"bq_json_scalars(json_extract({document}, {_path(binder, node, scope)}))", array_of(STRING))


@function("TO_JSON_STRING")
def bind_to_json_string(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """The value as compact JSON text, every type in BigQuery's encoding."""
    if len(node.expressions) != 1:
        raise not_implemented("TO_JSON_STRING with pretty printing")
    value = binder.expr(node.expressions[0], scope)
    return Typed(json_text(value), STRING, is_quoted=value.type == STRING)


@function("TO_JSON")
def bind_to_json(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """The value as JSON."""
    if len(node.expressions) != 1:
        raise not_implemented("TO_JSON with options")
    value = binder.expr(node.expressions[0], scope)
    return Typed(_made(json_text(value, stored=True)), JSON)


@function("JSON_ARRAY")
def bind_json_array(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """JSON_ARRAY(a, b...)."""
    items = [json_text(binder.expr(argument, scope), stored=True) for argument in node.expressions]
    inner = " || ',' || ".join(items) or "''"
    return Typed(_made(f"'[' || {inner} || ']'"), JSON)


@function("JSON_OBJECT")
def bind_json_object(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """JSON_OBJECT(key, value...)."""
    given = [binder.expr(argument, scope) for argument in node.expressions]
    if len(given) % 2 or any(key.type != STRING for key in given[::2]):
        raise not_implemented("this form of JSON_OBJECT")
    pairs, keys = list(zip(given[::2], given[1::2], strict=True)), [key.value for key in given[::2]]
    are_known = None not in keys and len(set(keys)) == len(keys)
    if are_known:
        pairs.sort(key=lambda pair: _sorted_by(pair[0].value))
    members = [f"{_text(key)} || ':' || {json_text(value, stored=True)}" for key, value in pairs]
    inner = " || ',' || ".join(members) or "''"
    made = _made(f"'{{' || {inner} || '}}'")
    return Typed(made if are_known else f"bq_json_normal({made})", JSON)


def _made(text: str) -> str:
    """JSON from text that this module wrote. The text is well-formed, and each number fits into a double."""
    return f"CAST({text} AS JSON)"


def _text(value: Typed) -> str:
    return f"bq_json_quote({value.sql})"


_ENCODINGS = {
    "STRING": "bq_json_quote({0})",
    "BYTES": "bq_json_quote(to_base64({0}))",
    "INT64": "bq_json_int_text({0})",
    "FLOAT64": "bq_json_float_text({0})",
    "NUMERIC": "bq_json_numeric_text({0})",
    "BOOL": "CAST({0} AS VARCHAR)",
    "DATE": "'\"' || strftime({0}, '%Y-%m-%d') || '\"'",
    "TIME": "'\"' || bq_time_text({0}) || '\"'",
    "DATETIME": "'\"' || replace(bq_datetime_text({0}), ' ', 'T') || '\"'",
    "TIMESTAMP": "'\"' || replace(replace(bq_timestamp_text({0}), ' ', 'T'), '+00', 'Z') || '\"'",
    "JSON": "CAST({0} AS VARCHAR)",
}


# A value of type JSON has numbers where TO_JSON_STRING writes wide numbers as strings.
_STORED = _ENCODINGS | {
    "INT64": "CAST({0} AS VARCHAR)",
    "FLOAT64": "bq_json_stored_float({0})",
    "NUMERIC": "bq_json_stored_numeric({0})",
}


def json_text(value: Typed, *, stored: bool = False) -> str:
    """The DuckDB text for the value's JSON encoding, 'null' for NULL. `stored`: encoded as in a value of type JSON."""
    if value.type.element is not None:
        inner = json_text(Typed("e", value.type.element), stored=stored)
        listed = f"array_to_string(list_transform({value.sql}, lambda e: {inner}), ',')"
        return f"coalesce('[' || {listed} || ']', 'null')"
    if value.type.kind == "STRUCT":
        return _object_text(value, stored=stored)
    encodings = _STORED if stored else _ENCODINGS
    return f"coalesce({encodings[value.type.kind].format(value.sql)}, 'null')"


def _object_text(value: Typed, *, stored: bool) -> str:
    names = unique_names([name for name, _ in value.type.fields])
    fields = tuple((unique, kind) for unique, (_, kind) in zip(names, value.type.fields, strict=True))
    whole = replace(value, type=SqlType("STRUCT", fields=fields))
    shown = [(name, unique) for (name, _), unique in zip(value.type.fields, names, strict=True)]
    if stored:
        shown.sort(key=lambda pair: _sorted_by(pair[0]))
    texts: list[str] = []
    for name, unique in shown:
        texts += [
            quote_text(f"{',' if texts else '{'}{_key(name)}:"),
            json_text(field_of(whole, unique), stored=stored),
        ]
    text = f"concat({', '.join(texts)}, '}}')" if texts else "'{}'"
    return text if value.parts else f"CASE WHEN {value.sql} IS NULL THEN 'null' ELSE {text} END"


def _sorted_by(name: str) -> bytes:
    return name.encode(errors="surrogatepass")


def _key(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
