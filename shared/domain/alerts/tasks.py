"""Defines the tasks of alerts: a tenant whose rules are to be evaluated, and a message that is to be sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from shared.domain.requests.identifiers import check_tenant_id
from shared.domain.runs.delivery import Id


def _tenant(value: str) -> str:
    check_tenant_id(value)  # it names a dataset
    return value


TenantId = Annotated[str, AfterValidator(_tenant)]


class EvaluateTask(BaseModel):
    """One delivery: compare a tenant's rules with its costs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: TenantId


class SendTask(BaseModel):
    """One delivery: send a message to a tenant's webhook."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: TenantId
    message_id: Id
