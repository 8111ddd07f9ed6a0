"""Writes columns as JSON objects, one text for each row. Arrow does it, without a Python loop over rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as _partly_typed

pc: Any = _partly_typed
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_OTHER_CONTROLS = r"[\x00-\x1f]"  # control characters, which JSON refuses; billing data has none


def objects_of(columns: Mapping[str, Any], length: int) -> Any:
    """A JSON object for each row: the columns' values as texts, by name. It is NULL where all of them are NULL."""
    if not columns:
        return pa.nulls(length, pa.string())
    # Each member ends with a comma, because pyarrow 26 loses rows when it has to skip NULLs between separators.
    members = [pc.fill_null(_member(name, array), "") for name, array in columns.items()]
    return _braced(pc.utf8_rtrim(pc.binary_join_element_wise(*members, ""), characters=","))


def objects_of_maps(array: Any) -> Any:
    """A JSON object for each map of texts. It is NULL where the map is NULL or empty."""
    values = pc.fill_null(_quoted(pc.cast(array.items, pa.string())), "null")
    members = pc.binary_join_element_wise(_quoted(pc.cast(array.keys, pa.string())), values, ":")
    return _braced(pc.binary_join(pa.ListArray.from_arrays(array.offsets, members), ","))


def _member(name: str, array: Any) -> Any:
    return pc.binary_join_element_wise(f"{json.dumps(name)}:", _quoted(pc.cast(array, pa.string())), ",", "")


def _quoted(texts: Any) -> Any:
    for sign, escaped in _ESCAPES.items():
        texts = pc.replace_substring(texts, pattern=sign, replacement=escaped)
    texts = pc.replace_substring_regex(texts, pattern=_OTHER_CONTROLS, replacement=" ")
    return pc.binary_join_element_wise('"', texts, '"', "")


def _braced(joined: Any) -> Any:
    whole = pc.binary_join_element_wise("{", joined, "}", "")
    return pc.if_else(pc.equal(joined, ""), None, whole)
