"""NaN fails every range check, although it is neither below nor above a bound."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import bigquery

from shared.adapters.bigquery.sql import Statement, statement

VALUES = "SELECT n FROM UNNEST([1.0, CAST('nan' AS FLOAT64), CAST('inf' AS FLOAT64), CAST(NULL AS FLOAT64)]) AS n"


@pytest.mark.parametrize(
    ("minimum", "maximum", "failed_rows"), [("0", None, 1), (None, "5", 2), ("0", "5", 2), ("1", "1", 2), ("2", "5", 3)]
)
def test_nan_fails_every_range_check(
    bigquery_client: bigquery.Client, minimum: str | None, maximum: str | None, failed_rows: int
) -> None:
    staged = Statement("values", f"({VALUES}) AS staged", {})
    found = statement("pipeline/checks", "range").naming(staged=staged, column="n", shown=["n"])
    given: dict[str, Any] = {
        "check_id": "c", "minimum": minimum, "maximum": maximum, "inclusive": True, "expected": "e",
    }  # fmt: skip
    config = bigquery.QueryJobConfig(query_parameters=found.query_parameters(given))
    (row,) = bigquery_client.query_and_wait(found.sql(dataset="none"), job_config=config)
    assert row.failed_rows == failed_rows
