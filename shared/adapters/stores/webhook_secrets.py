"""The secrets of all tenants' webhooks, for the operator's re-encryption."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shared.adapters.bigquery.contended import retried
from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.domain.alerts.sending import SealedWebhook

_ANSWER_SECONDS = 20.0


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
        replacements = [
            {
                "tenant_id": before.tenant_id,
                "rule_id": before.rule_id,
                "before": base64.b64encode(before.encrypted_secret).decode(),
                "after": base64.b64encode(after.encrypted_secret).decode(),
                "kms_key_version": after.kms_key_version,
            }
            for before, after in pairs
        ]
        replace = statement("alerts", "replace_secrets")
        with translated():
            change = partial(self.warehouse.change, replace, {"replacements": json.dumps(replacements)})
            job = retried(change, for_seconds=_ANSWER_SECONDS)
        return int(job.num_dml_affected_rows or 0)
