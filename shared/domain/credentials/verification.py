"""Defines the task to try a stored credential, and its result. Only the worker may decrypt, so the worker tries it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.domain.credentials.credentials import Provider
from shared.domain.credentials.sealed import SealedCredential
from shared.domain.requests.identifiers import check_tenant_id
from shared.domain.requests.texts import Text

_MAX_BYTES = 65_536


class VerifyTask(BaseModel):
    """A credential to try, encrypted; the ciphertext is bound to tenant, provider and id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: str
    provider: Provider
    credential_id: Annotated[str, Text(r"[A-Za-z0-9_-]{1,128}", "must be an id")]
    credential_kind: Annotated[str, Text(r"[a-z_]{1,64}", "must be a kind of credential")]
    encrypted_credentials: Annotated[str, Field(max_length=_MAX_BYTES)]

    @model_validator(mode="after")
    def _of_a_tenant(self) -> VerifyTask:
        check_tenant_id(self.tenant_id)
        return self

    @property
    def ciphertext(self) -> bytes:
        """The encrypted document. It raises ValueError for a text that is not base64."""
        return base64.b64decode(self.encrypted_credentials, validate=True)

    @classmethod
    def of(cls, sealed: SealedCredential) -> VerifyTask:
        """The task for a credential as it is stored."""
        return cls.model_validate(
            {
                "tenant_id": sealed.tenant_id,
                "provider": sealed.provider,
                "credential_id": sealed.credential_id,
                "credential_kind": sealed.credential_kind,
                "encrypted_credentials": base64.b64encode(sealed.encrypted_credentials).decode(),
            }
        )


@dataclass(frozen=True)
class Problem:
    """Something that an administrator of the cloud has to change: the field, and what is missing or refused."""

    field: str
    message: str


@dataclass(frozen=True)
class Verification:
    """The result of a try. Without `problems`, a run with the credential would read the source.

    The other fields are None if the credential names no export, or if the export could not be read. Only an export of
    files has a `format` and a `newest_period`, such as 2026-09.
    """

    problems: Sequence[Problem] = ()
    source: str | None = None
    location: str | None = None
    last_changed_at: str | None = None
    format: str | None = None
    newest_period: str | None = None
    warnings: Sequence[str] = ()
