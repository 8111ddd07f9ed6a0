"""Prepares a run for its page: what its status means, what to do, and its steps as bars on one line of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.runs.run_details import FINISHED

STATUSES = {
    "PENDING": ("Waiting", "plain"),
    "RUNNING": ("Running", "info"),
    "COMPLETED": ("Completed", "good"),
    "FAILED": ("Failed", "bad"),
    "CANCELLED": ("Cancelled", "plain"),
}
WAITS = {
    "DAILY_LIMIT": "The daily limit of runs is used up. It starts again at midnight UTC.",
    "CONCURRENT_LIMIT": "As many runs as the subscription allows at once are running.",
    "PIPELINE_BUSY": "Another run of the same pipeline and source is running.",
    "RETRY_BACKOFF": "An attempt failed. The next one begins soon.",
    "GOOGLE_QUOTA": "A quota of Google Cloud is used up. The attempt continues later.",
    "PLATFORM_BUSY": "All executors are busy.",
    "SUBSCRIPTION_NOT_LIVE": "The subscription is not live. Ask your operator.",
    "CLOSING": "The platform is finding out how the run ended.",
}
REMEDIES = {
    "CREDENTIALS_REJECTED": "Test the credential on the page Connection, grant what is missing, then retry.",
    "SOURCE_NOT_FOUND": "Check the name of the export and the right to read it on the page Connection, then retry.",
    "SOURCE_CHANGED": "The credential now names another export. Start a new run.",
    "LOCATION_MISMATCH": "Let the export be delivered into the platform's location, or ask your operator.",
    "INVALID_PARAMETERS": "Start a new run with the parameters that the message names.",
    "INVALID_TEMPLATE": "The pipeline itself is broken. Ask your operator.",
    "BYTES_LIMIT_EXCEEDED": "Load fewer days in one run, or ask your operator for a higher limit.",
    "CHECK_FAILED": "Nothing was published. Look at the failed check below. Correct the export, then retry.",
    "FENCE_LOST": "A newer run of the same pipeline published these days. There is nothing to do.",
    "STEP_FAILED": "Retry the run. If it fails again, send the run's id to your operator.",
    "UNAVAILABLE": "A service did not answer. Retry the run in a few minutes.",
    "QUOTA_EXCEEDED": "The daily limit of runs is used up. Retry the run after midnight UTC.",
    "SUBSCRIPTION_NOT_LIVE": "Ask your operator about the subscription.",
}
_UNKNOWN_ERROR = "Retry the run. If it fails again, send the run's id to your operator."
_MOST_SAMPLE_COLUMNS = 6


@dataclass(frozen=True)
class Bar:
    """A step, and its part of the run's time: where it begins and how long it is, in per cent."""

    step: Mapping[str, Any]
    begins: float
    length: float


@dataclass(frozen=True)
class Sample:
    """The rows that a check found, as a table."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def remedy_of(run: Mapping[str, Any]) -> str | None:
    """What to do about a failed run, or None for any other run."""
    if run["status"] != "FAILED":
        return None
    return REMEDIES.get(run["error_class"] or "", _UNKNOWN_ERROR)


def bars_of(steps: Sequence[Mapping[str, Any]], *, now: datetime) -> tuple[Sequence[Bar], float]:
    """The steps as bars, and the seconds from the first step's begin to the last step's end. A live step ends now."""
    begun = [step for step in steps if step["started_at"]]
    if not begun:
        return [], 0.0
    first = min(step["started_at"] for step in begun)
    whole = max((_end(step, now) - first).total_seconds() for step in begun)
    per_second = 100 / whole if whole > 0 else 0.0
    bars = [
        Bar(
            step,
            begins=(step["started_at"] - first).total_seconds() * per_second,
            length=(_end(step, now) - step["started_at"]).total_seconds() * per_second,
        )
        for step in begun
    ]
    return bars, whole


def sample_of(check: Mapping[str, Any]) -> Sample | None:
    """The rows that a check found, or None if it kept none."""
    found = check["sample"]
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    if not rows:
        return None
    columns = list(dict.fromkeys(name for row in rows for name in row))[:_MOST_SAMPLE_COLUMNS]
    return Sample(columns, [[_text(row.get(name)) for name in columns] for row in rows])


def may_be_cancelled(run: Mapping[str, Any]) -> bool:
    """Whether the run goes on and nobody has asked for its end."""
    return run["status"] not in FINISHED and not run["cancel_requested"]


def may_be_retried(run: Mapping[str, Any]) -> bool:
    """Whether the run has ended."""
    return run["status"] in FINISHED


def _end(step: Mapping[str, Any], now: datetime) -> datetime:
    end: datetime = step["completed_at"] or max(now, step["started_at"])
    return end


def _text(value: object) -> str:
    return "" if value is None else str(value)
