"""Every kind of check on planted rows: when it passes and fails, with NULL and without rows, and its samples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeTenant
from tests.support.executions import Executions
from tests.support.planted import GUARD, SOURCE, TABLE, Planted
from tests.support.tenant import Tenant

Json = dict[str, Any]
DAY = "2025-11-16"
QUERIES = """
-- name: negative_costs
-- Rows that cost less than nothing.
-- param: dates ARRAY<DATE>
SELECT project_id, cost
FROM {planted}
WHERE cost < 0
  AND usage_date IN UNNEST(@dates)

-- name: totals_by_currency
-- What the rows cost by currency.
SELECT currency, SUM(cost) AS total
FROM {planted}
GROUP BY currency

-- name: ten_dollars
-- What they should cost.
SELECT 'USD' AS currency, 10 AS total
"""


@pytest.fixture(scope="module")
def checked(make_tenant: MakeTenant) -> Tenant:
    return make_tenant()


@pytest.fixture
def planted(executions: Executions, checked: Tenant, tmp_path: Path) -> Iterator[Planted]:
    """Runs of a tenant that has published nothing yet."""
    planted = Planted(executions, checked, tmp_path)
    yield planted
    planted.forget()


def check(uses: str, severity: str = "fail", **options: Any) -> Json:
    return {"id": uses, "uses": uses, "severity": severity, "with": options}


NOT_NULL = check("not_null", columns=["project_id"], sample_columns=["service_id"])
UNIQUE = check("unique", columns=["project_id", "currency"])
ACCEPTED = check("accepted_values", column="currency", values=["USD", "EUR"])
RANGE = check("range", column="cost", minimum=0, maximum="99.5")
ROW_COUNT = check("row_count", minimum=1, maximum=2)
FRESHNESS = check("freshness", column="x_ingested_at", max_age_hours=24)
RECONCILIATION = check(
    "reconciliation", by=["currency"], observed={"query": "totals_by_currency"}, expected={"query": "ten_dollars"}
)
SQL = check("sql", query="negative_costs")


@dataclass(frozen=True)
class Kind:
    """A check, rows that pass it, and rows that fail it with the expected message."""

    check: Json
    good: list[Json]
    bad: list[Json]
    failed_rows: int
    observed: str
    expected: str
    sample: list[Json] | None = None


KINDS = [
    Kind(
        NOT_NULL, [{}], [{"project_id": None}, {}], 1, "1", "0",
        [{"project_id": None, "usage_date": DAY, "service_id": "s"}],
    ),
    Kind(
        UNIQUE, [{}, {"project_id": "q"}], [{}, {}, {}], 2, "2", "0",
        [{"project_id": "p", "currency": "USD", "key_rows": 3}],
    ),
    Kind(
        ACCEPTED, [{}, {"currency": "EUR"}], [{"currency": "XTS"}], 1, "XTS", "USD, EUR",
        [{"currency": "XTS", "usage_date": DAY}],
    ),
    Kind(
        RANGE, [{"cost": 0}, {"cost": "99.5"}], [{"cost": "99.50000001"}, {}], 1, "1 to 99.50000001", "0 to 99.5",
        [{"cost": "99.50000001", "usage_date": DAY}],
    ),
    Kind(ROW_COUNT, [{}], [{}, {}, {}], 1, "3", "1 to 2"),
    Kind(
        RECONCILIATION, [{"cost": 4}, {"cost": 6}], [{"cost": 4}, {"cost": 5, "currency": "EUR"}], 2,
        "EUR: 5; USD: 4", "EUR: 0; USD: 10",
        [{"currency": "EUR", "observed": 5, "expected": 0}, {"currency": "USD", "observed": 4, "expected": 10}],
    ),
    Kind(
        SQL, [{}], [{"cost": -1}, {"cost": "-0.5"}, {}], 2, "2", "0",
        [{"project_id": "p", "cost": "-0.5"}, {"project_id": "p", "cost": -1}],
    ),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.check["uses"])
def test_check_lets_good_rows_through_and_keeps_bad_ones_out(planted: Planted, kind: Kind) -> None:
    passed = planted.run([kind.check], kind.good, sql=QUERIES)
    assert passed.error is None, passed.error.message
    assert all(result["passed"] and result["sample"] is None for result in passed.checks.values())
    before = planted.published()
    assert len(before) == len(kind.good)
    failed = planted.run([kind.check], kind.bad, sql=QUERIES)
    assert failed.error is not None
    assert failed.error.error_class == "CHECK_FAILED"
    assert planted.published() == before
    (result,) = failed.checks.values()
    seen = (result["failed_rows"], result["observed"], result["expected"])
    assert seen == (kind.failed_rows, kind.observed, kind.expected)
    assert in_order(result["sample"]) == in_order(kind.sample)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (check("range", column="cost", maximum=40), "range: 1 to 67.5, expected at most 40 (2 rows fail)"),
        (check("range", column="cost", minimum=5), "range: 1 to 67.5, expected at least 5 (1 row fails)"),
        (check("range", column="cost", maximum=1, inclusive=False), "range: 1 to 67.5, expected below 1 (3 rows fail)"),
        (check("row_count", minimum=9), "row_count: 3, expected at least 9"),
    ],
)
def test_a_failure_is_reported_in_words_with_the_number_of_failing_rows(
    planted: Planted, given: Json, says: str
) -> None:
    error = planted.run([given], [{}, {"cost": "67.5"}, {"cost": 41}]).error
    assert error is not None
    assert error.message == says


def test_a_check_that_no_rows_could_pass_is_the_templates_fault_and_not_tried_again(planted: Planted) -> None:
    wrong = QUERIES.replace("WHERE cost < 0", "WHERE usage_date + cost < 0")
    before = check_jobs(planted)
    error = planted.run([NOT_NULL, SQL], [{}], sql=wrong).error
    assert error is not None
    assert (error.error_class, error.retryable) == ("INVALID_TEMPLATE", False)
    assert re.match(r"gcp-cost-[a-z_]+: checks\.sql: BigQuery: invalidQuery", error.message)
    assert len(check_jobs(planted) - before) <= 1


def check_jobs(planted: Planted) -> set[str]:
    return {job["id"] for job in planted.executions.cloud.bigquery.jobs() if "-checks-" in job["id"]}


def in_order(sample: list[Json] | None) -> list[Json] | None:
    """The sample in a fixed order, because its rows come in any order."""
    return sample and sorted(sample, key=str)


def test_a_warning_check_lets_the_run_publish_and_shows_its_result(planted: Planted) -> None:
    warned = planted.run([check("range", "warn", column="cost", maximum=1)], [{"cost": 2}])
    assert warned.error is None
    assert (warned.checks["range"]["passed"], warned.checks["range"]["severity"]) == (False, "warn")
    assert len(planted.published()) == 1


def test_without_rows_only_checks_that_require_rows_fail(planted: Planted) -> None:
    checks = [NOT_NULL, UNIQUE, ACCEPTED, RANGE, ROW_COUNT, FRESHNESS, RECONCILIATION, SQL, check("matches_source")]
    empty = planted.run([{**item, "severity": "warn"} for item in checks], [], sql=QUERIES)
    assert empty.error is None, empty.error.message
    failed = {check_id: result["observed"] for check_id, result in empty.checks.items() if not result["passed"]}
    nothing = "1 of 1 days have no rows, the first is 2025-11-16"
    assert failed == {
        "row_count": "0",
        "freshness": "no values",
        "reconciliation": "USD: 0",
        f"{TABLE}.has_rows": nothing,
    }


def test_null_passes_range_and_accepted_values_and_equals_null_in_a_key(planted: Planted) -> None:
    checks = [
        check("accepted_values", "warn", column="project_id", values=["p"]),
        check("range", "warn", column="cost", minimum=0),
        check("unique", "warn", columns=["project_id"]),
    ]  # fmt: skip
    found = planted.run(checks, [{"project_id": None, "cost": None}, {"project_id": None}]).checks
    assert {check_id: result["failed_rows"] for check_id, result in found.items()} == {
        "accepted_values": 0, "range": 0, "unique": 1,
    }  # fmt: skip


def test_range_compares_in_the_columns_own_type(planted: Planted) -> None:
    ranges: list[tuple[str, Json, int]] = [
        ("usage_date", {"minimum": "2025-11-16", "maximum": "2025-11-16"}, 0),
        ("usage_date", {"minimum": "2025-11-16", "inclusive": False}, 2),
        ("usage_date", {"maximum": "2025-11-15"}, 2),
        ("x_ingested_at", {"minimum": "2020-01-01T00:00:00Z"}, 0),
        ("x_ingested_at", {"maximum": "2020-01-01T00:00:00+02:00"}, 2),
        ("cost", {"minimum": "1", "maximum": "5"}, 1),
        ("cost", {"minimum": "1", "maximum": "5", "inclusive": False}, 2),
        ("row_count", {"minimum": 1, "maximum": 1}, 0),
        ("row_count", {"minimum": "1.5"}, 2),
    ]
    checks = [
        check("range", "warn", column=column, **bounds) | {"id": f"range_{number}"}
        for number, (column, bounds, _) in enumerate(ranges)
    ]
    found = planted.run(checks, [{"cost": 5}, {"cost": "0.999"}]).checks
    assert {name: result["failed_rows"] for name, result in found.items()} == {
        f"range_{number}": failed_rows for number, (_, _, failed_rows) in enumerate(ranges)
    }


def test_freshness_reads_staged_and_published_rows_of_the_source(planted: Planted) -> None:
    old = planted.run([FRESHNESS], [{"age_hours": 25}])
    assert old.error is not None
    assert planted.run([FRESHNESS], [{"age_hours": 24}, {"age_hours": 100}]).error is None
    assert planted.run([FRESHNESS], [{"age_hours": 200, "usage_date": "2025-11-15"}], day="2025-11-15").error is None


def test_row_count_is_compared_with_the_last_runs_of_the_same_source(
    executions: Executions, tenant: Tenant, tmp_path: Path
) -> None:
    planted = Planted(executions, tenant, tmp_path)  # the first run of a tenant
    given = check("row_count", last_runs=3, tolerance_percent=50)
    first = planted.run([given], [{}] * 100)
    assert first.checks["row_count"]["expected"] == "any, as there are no runs before"
    for rows in (4, 4, 6):
        assert planted.run([], [{}] * rows).error is None
    passed = planted.run([given], [{}] * 5)
    assert passed.error is None
    assert passed.checks["row_count"]["expected"] == "2 to 6 rows a day, as in the last 3 runs"
    failed = planted.run([given], [{}] * 12)
    assert failed.checks["row_count"]["observed"] == "12 rows a day"
    assert failed.error is not None
    mean = check("row_count", last_runs=2, tolerance_percent=10, compared_with="mean")
    assert planted.run([mean], [{}] * 6).checks["row_count"]["expected"] == "5 to 6.1 rows a day, as in the last 2 runs"


def test_staged_rows_are_reconciled_with_a_published_table_or_another_step(planted: Planted) -> None:
    totals = {"total": "cost", "keys": ["usage_date", "currency"]}
    against_table = check(
        "reconciliation",
        by=["day", "currency"],
        observed={"step": "planted", **totals},
        expected={"table": "gcp_cost_daily_by_service", **totals},
        tolerance="0.01",
    )
    assert planted.run([], [{"cost": 3}, {"cost": 7}]).error is None
    assert planted.run([against_table], [{"cost": "10.01"}]).error is None
    failed = planted.run([against_table], [{"cost": "10.020000001"}])
    assert failed.checks["reconciliation"]["sample"] == [
        {"day": DAY, "currency": "USD", "observed": "10.020000001", "expected": "10.01"}
    ]


def test_days_with_rows_are_emptied_only_if_allow_empty_is_set(planted: Planted) -> None:
    table = "gcp_cost_daily_by_service"
    assert planted.run([check("not_emptied", table=table)], [{}]).error is None
    kept = planted.run([check("not_emptied", table=table)], [])
    assert kept.error is not None
    assert kept.checks["not_emptied"]["observed"].startswith(f"1 days emptied, the first is {DAY}")
    assert kept.checks["not_emptied"]["sample"] == [{"usage_date": DAY, "rows_published": 1}]
    assert len(planted.published()) == 1
    assert planted.run([check("not_emptied", table=table, allow_empty=True)], []).error is None
    assert planted.published() == []


def test_rows_of_days_outside_the_run_are_not_published(planted: Planted) -> None:
    found = planted.run([], [{}, {"usage_date": "2025-11-17"}])
    assert found.error is not None
    assert found.checks[GUARD]["sample"] == [{"x_source": SOURCE, "usage_date": "2025-11-17"}]
    assert planted.published() == []


def test_rows_without_counts_of_their_source_fail_matches_source(planted: Planted) -> None:
    found = planted.run([check("matches_source", "warn")], [{"cost": 3}]).checks["matches_source"]
    assert (found["passed"], found["failed_rows"], found["observed"]) == (False, 1, f"{DAY} USD: 1 rows, 3")
    assert found["sample"][0]["usage_date"] == DAY


def test_sample_has_at_most_five_rows_and_cuts_long_values(planted: Planted) -> None:
    rows = [{"project_id": "x" * 5000, "service_name": str(number)} for number in range(9)]
    given = check("accepted_values", "warn", column="project_id", values=["p"], sample_columns=["service_name"])
    found = planted.run([given], rows).checks["accepted_values"]
    assert (found["failed_rows"], len(found["sample"])) == (9, 5)
    assert {len(row["project_id"]) for row in found["sample"]} == {200}
    assert len(found["observed"]) <= 1000
