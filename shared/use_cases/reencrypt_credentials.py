"""Re-encrypts stored credentials and webhooks' secrets under the key version that encrypts now.

An operator's command after a rotation. A call that was cut off can be repeated, which completes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from shared.adapters.google.kms import CredentialKey
from shared.adapters.stores.credentials import Credentials
from shared.adapters.stores.webhook_secrets import WebhookSecrets
from shared.domain.alerts.sending import SealedWebhook
from shared.domain.credentials.decrypted import credential_of
from shared.domain.credentials.sealed import SealedCredential
from shared.errors import CredentialsRejected
from shared.runtime import log

Sealed = TypeVar("Sealed", SealedCredential, SealedWebhook)
_BATCH = 50  # a request has two ciphertexts for each, of 64 KiB at most, in base64, and 10 MB in all


@dataclass(frozen=True)
class Moves(Generic[Sealed]):
    """What was done to the rows of a table. `overtaken` counts rows that their tenants changed or removed meanwhile."""

    found: Mapping[str, int]
    reencrypted: int
    overtaken: int
    unreadable: Sequence[Sealed]

    @property
    def is_complete(self) -> bool:
        """Whether no row is left that only an older version decrypts."""
        return sum(self.found.values()) == self.reencrypted + self.overtaken


@dataclass(frozen=True)
class Reencrypted:
    """The result of a call."""

    key_version: str
    credentials: Moves[SealedCredential]
    webhooks: Moves[SealedWebhook]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left that only an older version decrypts."""
        return self.credentials.is_complete and self.webhooks.is_complete


@dataclass(frozen=True)
class Reencryption:
    """Re-encrypts credentials and webhooks' secrets in batches."""

    credentials: Credentials
    webhooks: WebhookSecrets
    key: CredentialKey
    batch: int = _BATCH

    def run(self, *, dry_run: bool) -> Reencrypted:
        """Re-encrypt what an older version encrypted. A dry run only counts it."""
        version = self.key.primary_version()
        credentials = self.credentials.list_encrypted_otherwise(version)
        webhooks = self.webhooks.list_encrypted_otherwise(version)
        return Reencrypted(
            version,
            self._moves(credentials, self._moved_credential, self.credentials.replace_ciphertexts, dry_run=dry_run),
            self._moves(webhooks, self._moved_webhook, self.webhooks.replace_secrets, dry_run=dry_run),
        )

    def _moves(
        self,
        outdated: Sequence[Sealed],
        moved: Callable[[Sealed], Sealed],
        store: Callable[[Sequence[tuple[Sealed, Sealed]]], int],
        *,
        dry_run: bool,
    ) -> Moves[Sealed]:
        todo = [] if dry_run else outdated
        reencrypted = overtaken = 0
        unreadable: list[Sealed] = []
        for start in range(0, len(todo), self.batch):
            pairs: list[tuple[Sealed, Sealed]] = []
            for before in todo[start : start + self.batch]:
                try:
                    pairs.append((before, moved(before)))
                except CredentialsRejected:
                    unreadable.append(before)
            stored = store(pairs) if pairs else 0
            reencrypted, overtaken = reencrypted + stored, overtaken + len(pairs) - stored
        return Moves(Counter(item.kms_key_version for item in outdated), reencrypted, overtaken, unreadable)

    def _moved_credential(self, before: SealedCredential) -> SealedCredential:
        """The same credential under the present version. CredentialsRejected if it does not decrypt to a credential."""
        try:
            plaintext = self.key.decrypt(before.encrypted_credentials, aad=before.aad)
            credential_of(before, plaintext)  # a wrong document would replace the stored one for good
        except CredentialsRejected:
            log.error("credential not decrypted", tenant_id=before.tenant_id, provider=before.provider)
            raise
        sealed = self.key.encrypt(plaintext, aad=before.aad)
        return replace(before, encrypted_credentials=sealed.ciphertext, kms_key_version=sealed.key_version)

    def _moved_webhook(self, before: SealedWebhook) -> SealedWebhook:
        """The same secret under the present version. CredentialsRejected if it does not decrypt."""
        try:
            plaintext = self.key.decrypt(before.encrypted_secret, aad=before.aad)
        except CredentialsRejected:
            log.error("webhook's secret not decrypted", tenant_id=before.tenant_id)
            raise
        sealed = self.key.encrypt(plaintext, aad=before.aad)
        return replace(before, encrypted_secret=sealed.ciphertext, kms_key_version=sealed.key_version)
