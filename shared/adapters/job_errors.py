"""What BigQuery's errors mean, in words that any caller may read: its own name projects, datasets and tables."""

from __future__ import annotations

import re
from typing import Any

_MEANINGS = {
    "accessDenied": "the platform may not do this",
    "bytesBilledLimitExceeded": "it would bill more bytes than are allowed",
    "invalid": "it is not valid",
    "invalidQuery": "a statement is not valid, or a value is not what it expects",
    "jobBackendError": "it failed inside BigQuery",
    "quotaExceeded": "a quota of BigQuery is used up",
    "rateLimitExceeded": "too many jobs were asked for at once",
    "resourcesExceeded": "it needs more resources than BigQuery has for one query",
    "responseTooLarge": "its result is too large",
    "stopped": "it was stopped",
    "timeout": "it took too long",
}
_MISSING = re.compile(r"Not found: (?P<kind>Table|Dataset|Job|Routine)\b *(?P<name>[^\s;,]*)")


def reasons(error: Exception) -> list[str]:
    """BigQuery's own reasons for an error, e.g. invalidQuery."""
    found: Any = getattr(error, "errors", ())
    return [item.get("reason", "") for item in found if isinstance(item, dict)]


def in_words(error: Exception) -> str:
    """An error's reason and what it means; of its text only the bare name of a table that is missing."""
    text = str(getattr(error, "message", error))
    if missing := _MISSING.search(text):
        kind = missing["kind"].lower()
        bare = re.split(r"[.:]", missing["name"].strip("`"))[-1] if kind == "table" else ""
        return f"BigQuery: notFound, {' '.join(filter(None, [kind, bare]))} does not exist"
    reason = next(filter(None, reasons(error)), "")
    return f"BigQuery: {reason}, {_MEANINGS.get(reason, 'it failed')}" if reason else "BigQuery: it failed"
