"""Replaces stored ciphertexts by new ones of the same plaintext, as an operator's re-encryption does."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping

from shared.adapters.bigquery.contended import changed_rows
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import Warehouse

_ANSWER_SECONDS = 20.0


def replacement(*, before: bytes, after: bytes, kms_key_version: str, **row: str) -> Mapping[str, str]:
    """One replacement, as the statements read it: the ciphertexts in base64, and what names the row."""
    texts = {"before": base64.b64encode(before).decode(), "after": base64.b64encode(after).decode()}
    return {**row, **texts, "kms_key_version": kms_key_version}


def replace_ciphertexts(warehouse: Warehouse, replace: Statement, replacements: Iterable[Mapping[str, str]]) -> int:
    """Run the statement, which replaces only ciphertexts that are still stored. Return the number of replaced rows."""
    values = {"replacements": json.dumps(list(replacements))}
    return changed_rows(warehouse, replace, values, for_seconds=_ANSWER_SECONDS)
