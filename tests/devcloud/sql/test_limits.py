"""Values beyond BigQuery's limits are refused, without ending the process and without unreadable values."""

from __future__ import annotations

from typing import Any

import pytest

from devcloud.bigquery.model import BigQueryError
from tests.support.devcloud.warehouse import Warehouse

CALENDAR = "the result is outside of the years 1 to 9999"
TOO_MANY = "Cannot generate arrays with more than 1048575 elements."


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("GENERATE_ARRAY(1, 2000000000)", TOO_MANY),
        ("GENERATE_ARRAY(-9223372036854775808, 9223372036854775807)", TOO_MANY),
        ("(SELECT SUM(x) FROM UNNEST([3, 2000000000]) AS n, UNNEST(GENERATE_ARRAY(1, n)) AS x)", TOO_MANY),
        ("GENERATE_TIMESTAMP_ARRAY('2025-01-01', '2025-01-02', INTERVAL 1 MICROSECOND)", TOO_MANY),
        ("GENERATE_ARRAY(1, 5, 0)", "Sequence step cannot be 0."),
        ("REPEAT('ab', 9223372036854775807)", "Output of REPEAT exceeds max allowed output size of 1MB"),
        ("LPAD('a', 2000000000)", "Output of LPAD exceeds max allowed output size of 1MB"),
        ("RPAD('a', 2000000000, 'é')", "Output of RPAD exceeds max allowed output size of 1MB"),
        ("DATE_ADD(DATE '9999-12-31', INTERVAL 1 DAY)", CALENDAR),
        ("DATE_SUB(DATE '0001-01-01', INTERVAL 1 MONTH)", CALENDAR),
        ("DATE '9999-12-31' + 1", CALENDAR),
        ("DATE '9999-12-31' + INTERVAL 1 DAY", CALENDAR),
        ("DATE_ADD(DATE '9999-12-30', INTERVAL 9 DAY) > DATE '2025-01-01'", CALENDAR),
        ("TIMESTAMP_ADD(TIMESTAMP '9999-12-31 23:59:59.999999+00', INTERVAL 1 MICROSECOND)", CALENDAR),
        ("TIMESTAMP_SECONDS(253402300800)", CALENDAR),
        ("DATETIME_ADD(DATETIME '9999-12-31 00:00:00', INTERVAL 1 MONTH)", CALENDAR),
        ("DATE_FROM_UNIX_DATE(10000000)", CALENDAR),
        ("DATE(10000, 1, 1)", CALENDAR),
    ],
)
def test_values_beyond_the_limits_are_refused(warehouse: Warehouse, sql: str, message: str) -> None:
    with pytest.raises(BigQueryError) as caught:
        warehouse.value(f"SELECT {sql}")
    assert (caught.value.reason, caught.value.message) == ("invalidQuery", message)


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("ARRAY_LENGTH(GENERATE_ARRAY(1, 1048575))", 1048575),
        ("GENERATE_ARRAY(5, 1, -2)", [5, 3, 1]),
        ("GENERATE_ARRAY(5, 1)", []),
        ("ARRAY_LENGTH(GENERATE_TIMESTAMP_ARRAY('2025-01-02', '2025-01-01', INTERVAL -6 HOUR))", 5),
        ("LENGTH(REPEAT('ab', 524288))", 1048576),
        ("LENGTH(LPAD('a', 1048576))", 1048576),
        ("CAST(DATE_ADD(DATE '9999-12-30', INTERVAL 1 DAY) AS STRING)", "9999-12-31"),
        ("UNIX_SECONDS(TIMESTAMP_SECONDS(253402300799))", 253402300799),
        ("SAFE.DATE_ADD(DATE '9999-12-31', INTERVAL 1 DAY)", None),
        ("SAFE.TIMESTAMP_SECONDS(253402300800)", None),
    ],
)
def test_values_at_the_limits_are_returned(warehouse: Warehouse, sql: str, answer: Any) -> None:
    assert warehouse.value(f"SELECT {sql}") == answer


@pytest.mark.parametrize(
    ("sql", "feature"),
    [
        (
            "GENERATE_DATE_ARRAY('2025-01-30', '2025-05-01', INTERVAL 1 MONTH)",
            "GENERATE_DATE_ARRAY by months from a day after the 28th",
        ),
        ("JSON_VALUE('{\"a\": 0.12345678901234567890}', '$.a')", "JSON numbers of so many digits"),
        ("JSON_VALUE('{\"a\": [2, 1.50]}', '$.a[0]')", "JSON numbers padded with zeros"),
        ("JSON_QUERY('-0.10', '$')", "JSON numbers padded with zeros"),
    ],
)
def test_features_with_an_unproved_result_are_refused_by_name(warehouse: Warehouse, sql: str, feature: str) -> None:
    with pytest.raises(BigQueryError) as caught:
        warehouse.value(f"SELECT {sql}")
    assert (caught.value.status, caught.value.message) == (501, f"devcloud does not implement {feature}")


def test_remainders_make_partitions_of_a_window(warehouse: Warehouse) -> None:
    rows = warehouse.rows(
        "SELECT x, ROW_NUMBER() OVER (PARTITION BY MOD(x, 2) ORDER BY x) FROM UNNEST([1, 2, 3]) AS x ORDER BY x"
    )
    assert rows == [(1, 1), (2, 1), (3, 2)]
    with pytest.raises(BigQueryError, match=r"division by zero: MOD\(1, 0\)"):
        warehouse.value("SELECT MOD(1, 0)")
