from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

from tests.devcloud.bigquery.conftest import PLATFORM


@pytest.fixture
def events(client: bigquery.Client, dataset: str) -> bigquery.Table:
    schema = [
        SchemaField("id", "STRING", mode="REQUIRED"),
        SchemaField("at", "TIMESTAMP"),
        SchemaField("details", "JSON"),
    ]
    return client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.events", schema=schema))


def _ids(client: bigquery.Client, table: bigquery.Table) -> list[Any]:
    return sorted(row["id"] for row in client.list_rows(table))


def test_streamed_rows_are_there_at_once(client: bigquery.Client, events: bigquery.Table) -> None:
    rows: list[dict[str, Any]] = [{"id": "a", "at": "2026-09-03T07:00:00Z", "details": '{"n": 1}'}, {"id": "b"}]
    assert client.insert_rows_json(events, rows) == []
    assert _ids(client, events) == ["a", "b"]
    assert client.get_table(events).num_rows == 2
    assert next(row["details"] for row in client.list_rows(events) if row["id"] == "a") == {"n": 1}


def test_rows_with_the_same_insert_id_are_inserted_once(client: bigquery.Client, events: bigquery.Table) -> None:
    for _ in range(2):
        assert client.insert_rows_json(events, [{"id": "a"}], row_ids=["one"]) == []
    assert _ids(client, events) == ["a"]


def test_a_bad_row_stops_the_request_unless_it_may_be_skipped(client: bigquery.Client, events: bigquery.Table) -> None:
    rows: list[dict[str, Any]] = [{"id": "good"}, {"id": "bad", "nope": 1}, {"at": "2026-09-03T07:00:00Z"}]
    errors = client.insert_rows_json(events, rows)
    assert [(one["index"], one["errors"][0]["reason"]) for one in errors] == [
        (0, "stopped"),
        (1, "invalid"),
        (2, "invalid"),
    ]
    assert errors[1]["errors"][0]["location"] == "nope"
    assert _ids(client, events) == []
    assert len(client.insert_rows_json(events, rows, skip_invalid_rows=True, ignore_unknown_values=True)) == 1
    assert _ids(client, events) == ["bad", "good"]


def test_streaming_into_a_missing_table_is_not_found(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(exceptions.NotFound, match="Not found: Table"):
        client.insert_rows_json(f"{PLATFORM}.{dataset}.none", [{"id": "a"}])


def test_template_suffixes_are_refused_by_name(client: bigquery.Client, events: bigquery.Table) -> None:
    with pytest.raises(exceptions.GoogleAPICallError, match="does not implement templateSuffix"):
        client.insert_rows_json(events, [{"id": "a"}], template_suffix="_x")


def test_rows_are_listed_in_pages(client: bigquery.Client, events: bigquery.Table) -> None:
    client.insert_rows_json(events, [{"id": f"{n:03}"} for n in range(25)])
    pages = [[row["id"] for row in page] for page in client.list_rows(events, page_size=10).pages]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [row["id"] for row in client.list_rows(events, start_index=23)] == ["023", "024"]
