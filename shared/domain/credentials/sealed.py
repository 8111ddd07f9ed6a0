"""Describes a stored credential: encrypted, and bound to its tenant and provider."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class SealedCredential:
    """A stored credential: its metadata and its source in clear, its document encrypted."""

    credential_id: str
    tenant_id: str
    provider: str
    credential_kind: str
    encrypted_credentials: bytes
    kms_key_version: str
    source: str | None = None

    @property
    def aad(self) -> bytes:
        """Additional authenticated data: a ciphertext copied to another tenant, provider or row does not decrypt."""
        return credential_aad(tenant_id=self.tenant_id, provider=self.provider, credential_id=self.credential_id)


def credential_aad(*, tenant_id: str, provider: str, credential_id: str) -> bytes:
    """The additional authenticated data of a credential."""
    binding = {"credential_id": credential_id, "provider": provider, "tenant_id": tenant_id}
    return json.dumps(binding, sort_keys=True, separators=(",", ":")).encode()
