"""Defines the deliveries of Cloud Tasks to execute_run: one hop of a leased attempt, or the closing of runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.domain.requests.identifiers import check_tenant_id
from shared.domain.requests.texts import Text

MAX_CLOSINGS = 500  # runs of one tenant that one statement closes

Id = Annotated[str, Text(r"[A-Za-z0-9_-]{1,128}", "must be 1 to 128 letters, digits, underscores and hyphens")]
Number = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class Closing(BaseModel):
    """The end of a run that has no executor any more. Its closing task writes it into the tenant's dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Literal["FAILED", "CANCELLED"]
    error_class: str | None = None
    error_message: str | None = None


class RunTask(BaseModel):
    """One delivery: a hop of a leased attempt, or the closing of a run.

    A closing task with a lease finds out how the run ended; one without a lease only records an end that the
    dispatcher decided.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: Id
    tenant_id: str
    pipeline_logging_id: Id
    lease_id: Id | None
    attempt: Number
    hop: Number
    closing: Closing | None = None
    pipeline_id: Id | None = None  # becomes a label of the run's jobs

    @model_validator(mode="after")
    def _is_leased_or_closing(self) -> RunTask:
        check_tenant_id(self.tenant_id)  # it names a dataset
        if self.lease_id is None and self.closing is None:
            raise ValueError("neither a lease nor a closing")
        return self

    @property
    def name(self) -> str:
        """The task's name. Tasks with the same purpose have the same name, so Cloud Tasks keeps only one of them."""
        if self.closing:
            return task_name("close", self.run_id, self.lease_id or "")
        return task_name("run", self.run_id, self.lease_id or "", str(self.hop))

    def next_hop(self) -> RunTask:
        """The delivery of the attempt's next hop."""
        return self.model_copy(update={"hop": self.hop + 1})


class EndedRun(Closing):
    """A run that ended in the queue, with the values for its row in the tenant's dataset."""

    run_id: Id
    pipeline_logging_id: Id
    attempt: Number


class CloseTask(BaseModel):
    """One delivery: runs of one tenant that are to be closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: str
    runs: Annotated[Sequence[EndedRun], Field(min_length=1, max_length=MAX_CLOSINGS)]

    @model_validator(mode="after")
    def _is_a_tenants(self) -> CloseTask:
        check_tenant_id(self.tenant_id)  # it names a dataset
        return self

    @property
    def name(self) -> str:
        """The task's name, derived from the runs, so that the same runs have one task."""
        return task_name("closings", self.tenant_id, *sorted(run.run_id for run in self.runs))


def task_name(*parts: str) -> str:
    """A task's name, made of its purpose. Names are spread evenly: sequential prefixes slow Cloud Tasks down."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]
