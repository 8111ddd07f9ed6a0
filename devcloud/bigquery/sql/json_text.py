"""Writes a constant JSON value as BigQuery stores it: members sorted by name, only the first of duplicates.

`bq_json_normal` of json_macros.sql does the same for values that are only known when the statement runs.
"""

from __future__ import annotations

import json
import math
from typing import Any

from devcloud.bigquery.model import invalid_query

_INTEGERS = range(-(2**63), 2**64)


class _Other(ValueError):
    """An error in the document that is left to the engine to report."""


def normal_json(text: str) -> str | None:
    """The normal form of a document; None when it is not JSON or has numbers with too many digits."""
    try:
        document = json.loads(
            text, object_pairs_hook=_members, parse_float=_float, parse_int=_integer, parse_constant=_constant
        )
    except (_Other, json.JSONDecodeError, RecursionError):
        return None
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    first: dict[str, Any] = {}
    for name, value in pairs:
        first.setdefault(name, value)
    return dict(sorted(first.items(), key=lambda item: item[0].encode(errors="surrogatepass")))


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise invalid_query(f"Invalid JSON literal: number overflow parsing '{text}'")
    if len(text) > 16:
        raise _Other
    return number


def _integer(text: str) -> int:
    if int(text) not in _INTEGERS:
        raise _Other
    return int(text)


def _constant(_: str) -> Any:
    raise _Other
