"""The secrets of all tenants' webhooks, for the operator's re-encryption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.stores.ciphertexts import replace_ciphertexts, replacement
from shared.domain.alerts.sending import SealedWebhook


@dataclass(frozen=True)
class WebhookSecrets:
    """Reads and replaces the encrypted secrets in alert_rules."""

    warehouse: Warehouse

    def list_encrypted_otherwise(self, key_version: str) -> Sequence[SealedWebhook]:
        """The secrets that another version of the key encrypted."""
        values = {"kms_key_version": key_version}
        rows = self.warehouse.read(statement("alerts", "list_secrets_encrypted_otherwise"), values)
        return [SealedWebhook(**row) for row in rows]

    def replace_secrets(self, pairs: Sequence[tuple[SealedWebhook, SealedWebhook]]) -> int:
        """Replace the first secret of each pair by the second if the first is still stored. Return the number."""
        replacements = (
            replacement(
                tenant_id=before.tenant_id,
                rule_id=before.rule_id,
                before=before.encrypted_secret,
                after=after.encrypted_secret,
                kms_key_version=after.kms_key_version,
            )
            for before, after in pairs
        )
        return replace_ciphertexts(self.warehouse, statement("alerts", "replace_secrets"), replacements)
