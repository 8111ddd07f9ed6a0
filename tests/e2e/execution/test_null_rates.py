"""A run warns of columns that have far more NULLs than the rows that are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.executions import Executions
from tests.support.planted import TABLE, Planted
from tests.support.tenant import Tenant

Json = dict[str, Any]


def null_rates(**options: int) -> Json:
    return {"id": "null_rates", "uses": "null_rates", "severity": "fail", "with": {"table": TABLE, **options}}


def test_a_column_that_went_missing_since_the_last_run_is_named(
    executions: Executions, tenant: Tenant, tmp_path: Path
) -> None:
    planted = Planted(executions, tenant, tmp_path)
    missing = {"service_name": None}
    rates = null_rates(tolerance_percent=50, least_rows=4)
    first = planted.run([rates], [missing] * 4)
    assert (first.error, first.checks["null_rates"]["observed"]) == (None, "none"), "there is nothing to compare with"
    assert planted.run([rates], [{}, {}, missing, missing]).error is None
    assert planted.run([rates], [missing] * 4).error is None, "half of the published rows had no name either"
    assert planted.run([], [{}] * 4).error is None
    failed = planted.run([rates], [missing] * 4)
    assert failed.error is not None
    assert failed.checks["null_rates"]["observed"] == "service_name 100% NULL, published 0%"
    assert planted.run([null_rates()], [missing] * 4).error is None, "too few rows to compare"
