"""Re-encrypts stored credentials under the key version that encrypts now. An operator's command after a rotation.

A call that was cut off can be repeated, which completes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.adapters.google.kms import CredentialKey
from shared.adapters.stores.credentials import Credentials
from shared.domain.credentials.decrypted import credential_of
from shared.domain.credentials.sealed import SealedCredential
from shared.errors import CredentialsRejected
from shared.runtime import log

_BATCH = 50  # a request has two ciphertexts for each, of 64 KiB at most, in base64, and 10 MB in all


@dataclass(frozen=True)
class Reencrypted:
    """The result of a call. `overtaken` counts credentials that their tenants changed or removed meanwhile."""

    key_version: str
    found: Mapping[str, int]
    reencrypted: int
    overtaken: int
    unreadable: Sequence[SealedCredential]

    @property
    def is_complete(self) -> bool:
        """Whether no credential is left that only an older version decrypts."""
        return sum(self.found.values()) == self.reencrypted + self.overtaken


@dataclass(frozen=True)
class Reencryption:
    """Re-encrypts credentials in batches."""

    credentials: Credentials
    key: CredentialKey
    batch: int = _BATCH

    def run(self, *, dry_run: bool) -> Reencrypted:
        """Re-encrypt the credentials that an older version encrypted. A dry run only counts them."""
        key_version = self.key.primary_version()
        outdated = self.credentials.list_encrypted_otherwise(key_version)
        todo = [] if dry_run else outdated
        reencrypted = overtaken = 0
        unreadable: list[SealedCredential] = []
        for start in range(0, len(todo), self.batch):
            pairs = []
            for before in todo[start : start + self.batch]:
                if after := self._moved(before):
                    pairs.append((before, after))
                else:
                    unreadable.append(before)
            stored = self.credentials.replace_ciphertexts(pairs) if pairs else 0
            reencrypted, overtaken = reencrypted + stored, overtaken + len(pairs) - stored
        found = Counter(item.kms_key_version for item in outdated)
        return Reencrypted(key_version, found, reencrypted, overtaken, unreadable)

    def _moved(self, before: SealedCredential) -> SealedCredential | None:
        """The same credential under the present version, or None if Cloud KMS does not decrypt it to a credential."""
        try:
            plaintext = self.key.decrypt(before.encrypted_credentials, aad=before.aad)
            credential_of(before, plaintext)  # a wrong document would replace the stored one for good
        except CredentialsRejected:
            log.error("credential not decrypted", tenant_id=before.tenant_id, provider=before.provider)
            return None
        sealed = self.key.encrypt(plaintext, aad=before.aad)
        return replace(before, encrypted_credentials=sealed.ciphertext, kms_key_version=sealed.key_version)
