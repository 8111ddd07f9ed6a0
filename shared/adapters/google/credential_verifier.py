"""Asks the function verify_credentials, which runs as the worker, to try a credential."""

from __future__ import annotations

from dataclasses import dataclass

import requests
from pydantic import TypeAdapter

from shared.adapters.google.workload_identity import service_token
from shared.domain.credentials.sealed import SealedCredential
from shared.domain.credentials.verification import Verification, VerifyTask
from shared.errors import Unavailable
from shared.runtime import log

_PATH = "/api/v1/internal/verify"
_TIMEOUT_SECONDS = 45.0  # the caller itself has 60


@dataclass(frozen=True)
class CredentialVerifier:
    """The function verify_credentials at its address."""

    url: str

    def verify(self, sealed: SealedCredential) -> Verification:
        """The problems that a run with the credential would have. It raises Unavailable if nobody answers."""
        headers = {"Authorization": f"Bearer {service_token(self.url)}"}
        body = VerifyTask.of(sealed).model_dump()
        try:
            answer = requests.post(f"{self.url}{_PATH}", json=body, headers=headers, timeout=_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise Unavailable(retry_after=5) from error
        if answer.status_code != requests.codes.ok:
            log.warning("credential not tried", status=answer.status_code)
            raise Unavailable(retry_after=5)
        return TypeAdapter(Verification).validate_json(answer.content)
