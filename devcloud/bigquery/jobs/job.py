"""A job: its request, its owner, its state and its result."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from devcloud.bigquery.model import BigQueryError, Json, TableRef

if TYPE_CHECKING:
    from devcloud.bigquery.sql.session import Session
    from devcloud.identity import Caller


@dataclass(frozen=True)
class JobKey:
    """A job id is unique per project and location; `location` is lower case."""

    project: str
    location: str
    job_id: str

    @staticmethod
    def of(project: str, location: str, job_id: str) -> JobKey:
        """The key of a job reference."""
        return JobKey(project, location.lower(), job_id)


def now_ms() -> int:
    """The time as job statistics give it."""
    return time.time_ns() // 1_000_000


@dataclass
class Outcome:
    """The result of a successful job; `answer` has the fields of getQueryResults besides the rows."""

    statistics: Json = field(default_factory=dict)
    answer: Json = field(default_factory=dict)
    result: TableRef | None = None
    statement_type: str = ""
    read_tables: list[TableRef] = field(default_factory=list)
    written_tables: list[TableRef] = field(default_factory=list)
    children: list[Json] = field(default_factory=list)


@dataclass
class Job:
    """A job of this process; `configuration` is the REST JobConfiguration."""

    project: str
    location: str
    job_id: str
    configuration: Json
    caller: Caller
    request_id: str | None = None
    upload: Path | None = None
    keeps_record: bool = True
    acknowledged: bool = False
    is_optional: bool = False
    created: int = field(default_factory=now_ms)
    started: int | None = None
    ended: int | None = None
    error: BigQueryError | None = None
    outcome: Outcome = field(default_factory=Outcome)
    session: Session | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    stop_reason: str = "User requested cancellation"
    done: threading.Event = field(default_factory=threading.Event)
    done_or_held: threading.Event = field(default_factory=threading.Event)

    @property
    def key(self) -> JobKey:
        """The key by which the job is unique."""
        return JobKey.of(self.project, self.location, self.job_id)

    @property
    def cancel_requested(self) -> bool:
        """Whether its cancellation is requested."""
        return self.cancelled.is_set()

    def stopped(self) -> BigQueryError:
        """The error of a job that was cancelled."""
        return BigQueryError("stopped", f"Job execution was cancelled: {self.stop_reason}")

    @property
    def is_dry_run(self) -> bool:
        """Whether the job is a dry run: it reports what it would do and does nothing."""
        return bool(self.configuration.get("dryRun"))

    @property
    def timeout_seconds(self) -> float | None:
        """The time limit."""
        limit = self.configuration.get("jobTimeoutMs")
        return int(limit) / 1000 if limit else None

    def is_out_of_time(self) -> bool:
        """Whether the job has exceeded its time limit; if so, this also sets `stop_reason`."""
        limit = self.timeout_seconds
        if limit is None or time.time_ns() // 1_000_000 - (self.started or self.created) < limit * 1000:
            return False
        self.stop_reason = f"Job timed out after {limit:g}s"
        return True

    @property
    def kind(self) -> str:
        """`query`, `load` or `copy`."""
        return next(kind for kind in ("query", "load", "copy", "extract", "") if kind in self.configuration or not kind)

    def resource(self, *, final: bool = False) -> Json:
        """The REST Job resource. With `final` it is the resource after the commit of the job's end."""
        ended = self.ended if final or self.done.is_set() else None
        return {
            "kind": "bigquery#job",
            "id": f"{self.project}:{self.location}.{self.job_id}",
            "etag": f"{self.job_id}-{ended or self.started or self.created}",
            "jobReference": self.reference(),
            "configuration": self.configuration,
            "status": self._status(ended),
            "statistics": self._statistics(ended),
            "user_email": self.caller.email,
        }

    def reference(self) -> Json:
        """The REST JobReference."""
        return {"projectId": self.project, "jobId": self.job_id, "location": self.location}

    def _status(self, ended: int | None) -> Json:
        state = "DONE" if ended else "RUNNING" if self.started else "PENDING"
        if self.error is None or not ended:
            return {"state": state}
        return {"state": state, "errorResult": self.error.to_api(), "errors": [self.error.to_api()]}

    def _statistics(self, ended: int | None) -> Json:
        times = {"creationTime": self.created, "startTime": self.started, "endTime": ended}
        known = self.outcome.statistics if ended else {}
        return known | {key: str(value) for key, value in times.items() if value is not None}

    def log_entry(self) -> Json:
        """The entry of the job in this machine's job log."""
        return {
            "id": self.job_id,
            "project": self.project,
            "location": self.location,
            "kind": self.kind.upper(),
            "statement": self.outcome.statement_type or self.kind.upper(),
            "tables": sorted({str(ref) for ref in [*self.outcome.read_tables, *self.outcome.written_tables]}),
            "read": [str(ref) for ref in self.outcome.read_tables],
            "written": [str(ref) for ref in self.outcome.written_tables],
            "caller": self.caller.email,
            "request_id": self.request_id,
            "labels": self.configuration.get("labels", {}),
            "created_at_ms": self.created,
            "duration_ms": (self.ended or now_ms()) - self.created,
            "state": self._status(self.ended)["state"],
            "error": self.error.reason if self.error else None,
        }
