"""OPTIONS(...) of DDL: turns constant values into members of the REST resource."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from devcloud.bigquery.model import Json, invalid_query, not_implemented
from devcloud.bigquery.sql import literals

_DAY_MS = 86_400_000


def read_options(properties: list[exp.Expr], known: tuple[str, ...]) -> Json:
    """The REST members of options; NULL removes one. Raises notImplemented for an option not in `known`."""
    read: Json = {}
    for one in properties:
        name, value = _named(one)
        if name not in known:
            raise not_implemented(f"the option {name}")
        member, convert = _OPTIONS[name]
        read[member] = None if isinstance(value, exp.Null) else convert(value)
    return read


def _named(one: exp.Expr) -> tuple[str, exp.Expr]:
    if isinstance(one, exp.LocationProperty):
        return "location", one.this
    if type(one) is not exp.Property:
        raise not_implemented(f"the option {one.sql('bigquery')[:60]}")
    return one.name.lower(), one.args["value"]


def _text(node: exp.Expr) -> str:
    if not isinstance(node, (exp.Literal, exp.RawString)) or not node.args.get("is_string", True):
        raise invalid_query("OPTIONS value must be a string literal")
    return str(node.this)


def _boolean(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Boolean):
        raise invalid_query("OPTIONS value must be TRUE or FALSE")
    return bool(node.this)


def _days(node: exp.Expr) -> str:
    if not isinstance(node, exp.Literal) or node.args["is_string"]:
        raise invalid_query("OPTIONS value must be a number of days")
    return str(round(float(node.name) * _DAY_MS))


def _moment(node: exp.Expr) -> str:
    """TIMESTAMP "..." as milliseconds."""
    inner = node.this if isinstance(node, exp.Cast) else node
    if not isinstance(inner, exp.Literal):
        raise not_implemented("an expiration_timestamp that is no literal")
    return str(round(literals.parse_timestamp(inner.name).timestamp() * 1000))


def _labels(node: exp.Expr) -> dict[str, str]:
    if not isinstance(node, exp.Array):
        raise invalid_query("labels must be an array of pairs")
    pairs = [item.expressions for item in node.expressions]
    if any(len(pair) != 2 for pair in pairs):
        raise invalid_query("labels must be an array of pairs")
    return {_text(_bare(key)): _text(_bare(value)) for key, value in pairs}


def _bare(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Alias) else node


_OPTIONS: dict[str, tuple[str, Callable[[exp.Expr], object]]] = {
    "description": ("description", _text),
    "friendly_name": ("friendlyName", _text),
    "labels": ("labels", _labels),
    "location": ("location", _text),
    "expiration_timestamp": ("expirationTime", _moment),
    "partition_expiration_days": ("partitionExpirationMs", _days),
    "require_partition_filter": ("requirePartitionFilter", _boolean),
    "default_table_expiration_days": ("defaultTableExpirationMs", _days),
}
