"""Replaces stored ciphertexts by new ones of the same plaintext, as an operator's re-encryption does."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from functools import partial

from shared.adapters.bigquery.contended import retried
from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import Warehouse

_ANSWER_SECONDS = 20.0


def replacement(*, before: bytes, after: bytes, kms_key_version: str, **row: str) -> Mapping[str, str]:
    """One replacement, as the statements read it: the ciphertexts in base64, and what names the row."""
    texts = {"before": base64.b64encode(before).decode(), "after": base64.b64encode(after).decode()}
    return {**row, **texts, "kms_key_version": kms_key_version}


def replace_ciphertexts(warehouse: Warehouse, replace: Statement, replacements: Iterable[Mapping[str, str]]) -> int:
    """Run the statement, which replaces only ciphertexts that are still stored. Return the number of replaced rows."""
    with translated():
        change = partial(warehouse.change, replace, {"replacements": json.dumps(list(replacements))})
        job = retried(change, for_seconds=_ANSWER_SECONDS)
    return int(job.num_dml_affected_rows or 0)
