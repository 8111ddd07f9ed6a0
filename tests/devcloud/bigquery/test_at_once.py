from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

from tests.devcloud.bigquery.conftest import PLATFORM


def _at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(act, range(count)))


def _outcome(act: Callable[[], Any]) -> str:
    try:
        act()
    except exceptions.GoogleAPICallError as error:
        return type(error).__name__
    return "made"


def test_one_of_several_concurrent_creations_succeeds(client: bigquery.Client, dataset: str) -> None:
    schema = [SchemaField("n", "INT64")]
    table = bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=schema)
    assert sorted(_at_once(4, lambda _: _outcome(lambda: client.create_table(table)))) == ["Conflict"] * 3 + ["made"]
    name = f"{dataset}_more"
    assert sorted(_at_once(4, lambda _: _outcome(lambda: client.create_dataset(name)))) == ["Conflict"] * 3 + ["made"]


def test_concurrent_loads_that_create_the_same_table_all_load_their_rows(client: bigquery.Client, dataset: str) -> None:
    def load(number: int) -> None:
        file = io.BytesIO()
        pq.write_table(pa.table({"n": [number]}), file)
        file.seek(0)
        config = bigquery.LoadJobConfig(source_format="PARQUET")
        client.load_table_from_file(file, f"{dataset}.t", job_config=config).result()

    _at_once(4, load)
    assert sorted(row["n"] for row in client.list_rows(client.get_table(f"{dataset}.t"))) == [0, 1, 2, 3]


def test_concurrent_appends_of_every_kind_never_conflict(client: bigquery.Client, dataset: str) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("n", "INT64")]))

    def append(number: int) -> None:
        if number % 2:
            client.insert_rows_json(f"{dataset}.t", [{"n": number}])
        else:
            client.query_and_wait(f"INSERT INTO {dataset}.t (n) VALUES ({number})")

    _at_once(8, append)
    assert sorted(row["n"] for row in client.list_rows(client.get_table(f"{dataset}.t"))) == list(range(8))


def test_one_of_several_jobs_with_the_same_id_runs(client: bigquery.Client, dataset: str) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("n", "INT64")]))

    def insert(_: int) -> str:
        sql = f"INSERT INTO {dataset}.t (n) VALUES (1)"
        return _outcome(lambda: client.query(sql, job_id=f"once-{dataset}", job_retry=None).result())

    assert sorted(_at_once(4, insert)) == ["Conflict"] * 3 + ["made"]
    assert client.get_table(f"{dataset}.t").num_rows == 1
