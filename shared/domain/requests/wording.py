"""Writes the messages of validation errors, with the same words for requests and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is unknown; remove it or correct its name",
    "literal_error": "must be {expected}",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must be at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "union_tag_invalid": "must be one of {expected_tags}, not {tag}",
    "union_tag_not_found": "must have the key {discriminator}",
}
_TYPES = {
    "string_": "must be a string",
    "int_": "must be an integer",
    "float_": "must be a number",
    "decimal_": "must be a number",
    "bool_": "must be true or false",
    "list_": "must be a list",
    "dict_": "must be a mapping",
    "model_": "must be a mapping",
}


def worded(error: Mapping[str, Any]) -> str:
    """The message of one of pydantic's errors, in the product's words."""
    kind = str(error["type"])
    if kind in _WORDS:
        return _WORDS[kind].format(**error.get("ctx", {}))
    of_type = next((words for prefix, words in _TYPES.items() if kind.startswith(prefix)), None)
    return of_type or str(error["msg"]).removeprefix("Value error, ")
