"""Limits the size of the sample of rows that fail a check, so that it fits into an event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

MAX_ROWS = 5
MAX_VALUE_CHARACTERS = 200
MAX_ROW_CHARACTERS = 2000


def bounded_sample(rows: Sequence[str]) -> list[dict[str, Any]]:
    """The rows, which are JSON objects as text. Long values are cut, and columns that do not fit are dropped."""
    return [_bounded(row) for row in rows[:MAX_ROWS]]


def _bounded(row: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(row, parse_float=str)
    except ValueError:  # the text is not JSON any more, because the query cut it
        return {"row": _cut(row)}
    kept: dict[str, Any] = {}
    size = 0
    for name, value in values.items():
        shown = _shown(value)
        size += len(json.dumps({name: shown}))
        if size > MAX_ROW_CHARACTERS:
            break
        kept[name] = shown
    return kept


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
        return value if len(text) <= MAX_VALUE_CHARACTERS else _cut(text)
    return value


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[: MAX_VALUE_CHARACTERS - 1] + "…"
