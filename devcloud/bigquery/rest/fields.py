"""Reads a request's body by the fields of its resource: each field is enforced, stored, refused or ignored.

resource_fields.py lists every field of Google's resources as one of these. BigQuery ignores a field that it does not
know, and never sends it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devcloud.bigquery.model import BigQueryError, Json, not_implemented

_INTEGERS = {"int64": str, "integer": int}


@dataclass(frozen=True)
class Resource:
    """The fields of a resource as `name:type`. `name=A|B` lists the values that are accepted for a refused field.

    A type is string, int64 (text in JSON), integer, boolean, any, map (of strings), or the name of another resource.
    A type in brackets is a list of it, in braces an object with values of it.
    """

    enforced: str = ""  # works as in BigQuery
    stored: str = ""  # stored and returned, but has no effect here
    refused: str = ""  # notImplemented, unless the value has no effect in BigQuery either
    output: str = ""  # set by BigQuery, so ignored in requests
    required: str = ""  # the fields that every request except PATCH must have

    def kinds(self) -> dict[str, str]:
        """The type of each field that may be given."""
        return dict(one.split(":", 1) for one in f"{self.enforced} {self.stored}".split())

    def refusals(self) -> dict[str, frozenset[str]]:
        """The values of each refused field that are accepted, because they have no effect."""
        pairs = (one.partition("=") for one in self.refused.split())
        return {name: frozenset(values.split("|")) for name, _, values in pairs}

    def names(self) -> list[str]:
        """Every field; one that is listed twice occurs twice."""
        return [*self.kinds(), *self.refusals(), *self.output.split()]


def read(resources: Mapping[str, Resource], name: str, given: Any, *, nulls: bool, path: str = "") -> Json:
    """The body as BigQuery reads it. With `nulls` it keeps null values, which remove fields in a PATCH.

    Raises notImplemented for a refused field, invalid for a value of a wrong type.
    """
    resource = resources[name]
    if not isinstance(given, dict):
        raise _of_another_type(path or name, "an object")
    kinds, refusals = resource.kinds(), resource.refusals()
    found: Json = {}
    for field, value in given.items():
        where = f"{path}.{field}" if path else field
        if field in refusals and not _means_nothing(value, refusals[field]):
            raise not_implemented(f"{where} of {name}")
        if field in kinds and (value is not None or nulls):
            found[field] = None if value is None else _value(resources, kinds[field], value, where, nulls)
    for field in () if nulls else resource.required.split():
        if not found.get(field):
            where = f"{path}.{field}" if path else field
            raise BigQueryError("required", f"Required parameter is missing: {where}")
    return found


def _means_nothing(value: Any, harmless: frozenset[str]) -> bool:
    if isinstance(value, dict):
        return all(_means_nothing(inner, harmless) for inner in value.values())
    return value in (None, False, "", 0, "0", "false") or value == [] or str(value) in harmless


def _value(resources: Mapping[str, Resource], kind: str, value: Any, path: str, nulls: bool) -> Any:
    if kind.startswith("["):
        if not isinstance(value, list):
            raise _of_another_type(path, "a list")
        return [_value(resources, kind[1:-1], item, f"{path}[{at}]", nulls=False) for at, item in enumerate(value)]
    if kind.startswith("{"):
        if not isinstance(value, dict):
            raise _of_another_type(path, "an object")
        return {
            name: _value(resources, kind[1:-1], item, f"{path}.{name}", nulls=False) for name, item in value.items()
        }
    if kind in resources:
        return read(resources, kind, value, nulls=nulls, path=path)
    if kind == "map":
        if not isinstance(value, dict) or not all(isinstance(item, str | None) for item in value.values()):
            raise _of_another_type(path, "an object of strings")
        return value
    return _scalar(kind, value, path)


def _scalar(kind: str, value: Any, path: str) -> Any:
    if kind == "any":
        return value
    if kind == "boolean":
        if value in (True, False) and isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise _of_another_type(path, "true or false")
    if kind in _INTEGERS:
        return _integer(kind, value, path)
    if not isinstance(value, str | int | float):
        raise _of_another_type(path, "a string")
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _integer(kind: str, value: Any, path: str) -> Any:
    text = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _of_another_type(path, "a number")
    if isinstance(value, float) and value.is_integer():
        text = str(int(value))
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        raise BigQueryError("invalid", f"Invalid value for {path}: {text}")
    return _INTEGERS[kind](text)


def _of_another_type(path: str, wanted: str) -> BigQueryError:
    return BigQueryError("invalid", f"Invalid JSON payload received. Invalid value at '{path}': it must be {wanted}.")
