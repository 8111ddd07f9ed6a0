"""A table that requires a partition filter returns no rows to a query without one."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.devcloud.bigquery.conftest import PLATFORM

REFUSED = "Cannot query over table .* without a filter over column"


@pytest.fixture(params=[None, "day"], ids=["by arrival", "by column"])
def guarded(client: bigquery.Client, dataset: str, request: pytest.FixtureRequest) -> tuple[str, str]:
    """The table, and the column by which it is partitioned."""
    name = f"{PLATFORM}.{dataset}.guarded"
    table = bigquery.Table(name, [bigquery.SchemaField("n", "INT64"), bigquery.SchemaField("day", "DATE")])
    table.time_partitioning = bigquery.TimePartitioning(field=request.param)
    table.require_partition_filter = True
    client.create_table(table)
    client.query_and_wait(f"INSERT INTO `{name}` (n, day) VALUES (1, '2026-01-01'), (2, NULL)")
    return name, request.param or "_PARTITIONTIME"


@pytest.mark.parametrize(
    "condition",
    ["{by} IS NOT NULL OR {by} IS NULL", "n > 0 AND ({by} > '2020-01-01' OR {by} IS NULL)", "t.{by} IS NOT NULL"],
)
def test_a_query_that_names_partitions_returns_rows(
    client: bigquery.Client, guarded: tuple[str, str], condition: str
) -> None:
    name, by = guarded
    found = client.query_and_wait(f"SELECT t.n FROM `{name}` AS t WHERE {condition.format(by=by)}")
    assert {row["n"] for row in found} >= {1}


@pytest.mark.parametrize(
    "condition", ["TRUE", "n > 0", "n > 0 OR {by} IS NOT NULL", "CAST(n AS STRING) = CAST({by} AS STRING)"]
)
def test_a_query_that_does_not_name_partitions_is_refused(
    client: bigquery.Client, guarded: tuple[str, str], condition: str
) -> None:
    name, by = guarded
    with pytest.raises(exceptions.BadRequest, match=REFUSED):
        client.query_and_wait(f"SELECT t.n FROM `{name}` AS t WHERE {condition.format(by=by)}")


def test_a_join_may_name_the_partitions(client: bigquery.Client, guarded: tuple[str, str]) -> None:
    name, by = guarded
    joined = f"SELECT 1 FROM UNNEST([1]) AS n JOIN `{name}` AS t ON t.n = n AND t.{by} IS NOT NULL"
    assert len(list(client.query_and_wait(joined))) == 1
    with pytest.raises(exceptions.BadRequest, match=REFUSED):
        client.query_and_wait(f"SELECT 1 FROM UNNEST([1]) AS n JOIN `{name}` AS t ON t.n = n")
