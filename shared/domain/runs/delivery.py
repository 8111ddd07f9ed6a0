"""What Cloud Tasks brings to execute_run: one hop of a leased attempt, or the closing of runs nobody executes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.domain.requests.identifiers import check_tenant_id
from shared.domain.requests.texts import Text

MOST_CLOSINGS = 500  # of one tenant's runs, in one statement

Id = Annotated[str, Text(r"[A-Za-z0-9_-]{1,128}", "must be 1 to 128 letters, digits, underscores and hyphens")]
Number = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class DeliveredClosing(BaseModel):
    """How a run ended that has no executor any more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Literal["FAILED", "CANCELLED"]
    error_class: str | None = None
    error_message: str | None = None


class Delivery(BaseModel):
    """The body of a task; shared/adapters/google/tasks.py writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: Id
    tenant_id: str
    pipeline_logging_id: Id
    lease_id: Id | None
    attempt: Number
    hop: Number
    closing: DeliveredClosing | None = None
    pipeline_id: Id | None = None  # a label of the run's jobs

    @model_validator(mode="after")
    def _is_leased_or_closing(self) -> Delivery:
        check_tenant_id(self.tenant_id)  # it names a dataset
        if self.lease_id is None and self.closing is None:
            raise ValueError("neither a lease nor a closing")
        return self


class EndedDelivery(DeliveredClosing):
    """A run that ended in the queue, and how."""

    run_id: Id
    pipeline_logging_id: Id
    attempt: Number


class ClosingsDelivery(BaseModel):
    """The body of a task that closes runs of one tenant; shared/adapters/google/closing_tasks.py writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: str
    runs: Annotated[list[EndedDelivery], Field(min_length=1, max_length=MOST_CLOSINGS)]

    @model_validator(mode="after")
    def _is_a_tenants(self) -> ClosingsDelivery:
        check_tenant_id(self.tenant_id)  # it names a dataset
        return self
