from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

from tests.devcloud.bigquery.conftest import PLATFORM, ClientOf


def test_a_dataset_keeps_the_fields_with_which_it_was_created(client: bigquery.Client, dataset: str) -> None:
    wanted = bigquery.Dataset(f"{PLATFORM}.{dataset}_eu")
    wanted.location, wanted.labels, wanted.description = "EU", {"team": "billing"}, "Costs"
    wanted.default_table_expiration_ms = 3_600_000
    made = client.create_dataset(wanted)
    found = client.get_dataset(made.reference)
    assert (found.location, found.labels, found.description) == ("EU", {"team": "billing"}, "Costs")
    assert found.default_table_expiration_ms == 3_600_000
    assert f"{dataset}_eu" in {one.dataset_id for one in client.list_datasets(filter="labels.team:billing")}
    client.delete_dataset(made.reference)


def test_a_dataset_that_is_created_twice_is_a_duplicate(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(exceptions.Conflict, match=f"Already Exists: Dataset {PLATFORM}:{dataset}"):
        client.create_dataset(dataset)


def test_a_dataset_with_tables_is_deleted_only_on_request(client: bigquery.Client, dataset: str) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("a", "STRING")]))
    with pytest.raises(exceptions.BadRequest, match="is still in use"):
        client.delete_dataset(dataset)
    client.delete_dataset(dataset, delete_contents=True)
    with pytest.raises(exceptions.NotFound, match=f"Not found: Dataset {PLATFORM}:{dataset}"):
        client.get_dataset(dataset)


def test_updating_a_dataset_with_an_old_etag_is_refused(client: bigquery.Client, dataset: str) -> None:
    first, second = client.get_dataset(dataset), client.get_dataset(dataset)
    first.labels = {"a": "1"}
    client.update_dataset(first, ["labels"])
    second.labels = {"b": "2"}
    with pytest.raises(exceptions.PreconditionFailed):
        client.update_dataset(second, ["labels"])
    assert client.get_dataset(dataset).labels == {"a": "1"}


def test_a_table_keeps_schema_partitioning_and_clustering(client: bigquery.Client, dataset: str) -> None:
    schema = [
        SchemaField("id", "INT64", mode="REQUIRED", description="which"),
        SchemaField("day", "DATE"),
        SchemaField("tags", "RECORD", mode="REPEATED", fields=[SchemaField("key", "STRING")]),
    ]
    table = bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=schema)
    table.time_partitioning = bigquery.TimePartitioning(field="day", expiration_ms=86_400_000)
    table.clustering_fields, table.description, table.labels = ["id"], "Things", {"a": "b"}
    client.create_table(table)
    found = client.get_table(table.reference)
    assert [(f.name, f.field_type, f.mode) for f in found.schema] == [
        ("id", "INTEGER", "REQUIRED"),
        ("day", "DATE", "NULLABLE"),
        ("tags", "RECORD", "REPEATED"),
    ]
    assert found.schema[0].description == "which"
    assert found.time_partitioning.field == "day"
    assert found.time_partitioning.expiration_ms == 86_400_000
    assert (found.clustering_fields, found.description, found.labels) == (["id"], "Things", {"a": "b"})
    assert (found.num_rows, found.location) == (0, "US")
    assert [one.table_id for one in client.list_tables(dataset)] == ["t"]


def test_columns_can_be_added_to_a_table_and_not_removed(client: bigquery.Client, dataset: str) -> None:
    table = client.create_table(
        bigquery.Table(
            f"{PLATFORM}.{dataset}.t",
            schema=[
                SchemaField("a", "STRING", mode="REQUIRED"),
                SchemaField("s", "RECORD", fields=[SchemaField("x", "INT64")]),
            ],
        )
    )
    table.schema = [
        SchemaField("a", "STRING"),
        SchemaField("s", "RECORD", fields=[SchemaField("x", "INT64"), SchemaField("y", "NUMERIC")]),
        SchemaField("b", "STRING", mode="REPEATED"),
    ]
    client.update_table(table, ["schema"])
    client.insert_rows_json(table, [{"s": {"x": 1, "y": "2.5"}, "b": ["z"]}])
    assert next(dict(row) for row in client.list_rows(table))["b"] == ["z"]
    found = client.get_table(table)
    found.schema = found.schema[:1]
    with pytest.raises(exceptions.BadRequest, match="Field b is missing in new schema"):
        client.update_table(found, ["schema"])


def test_a_missing_table_is_not_found_and_an_existing_one_is_a_duplicate(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(exceptions.NotFound, match=f"Not found: Table {PLATFORM}:{dataset}.none"):
        client.get_table(f"{dataset}.none")
    with pytest.raises(exceptions.NotFound, match=f"Not found: Dataset {PLATFORM}:nowhere"):
        client.get_table("nowhere.none")
    client.create_table(f"{PLATFORM}.{dataset}.t")
    with pytest.raises(exceptions.Conflict):
        client.create_table(f"{PLATFORM}.{dataset}.t")
    client.delete_table(f"{dataset}.t")
    with pytest.raises(exceptions.NotFound):
        client.delete_table(f"{dataset}.t")


def test_an_account_cannot_reach_another_project(client: bigquery.Client, client_of: ClientOf, dataset: str) -> None:
    tenant = client_of("tenant-project", "exporter")
    tenant.create_dataset("own")
    assert tenant.get_dataset("own").project == "tenant-project"
    with pytest.raises(exceptions.Forbidden, match="Access Denied"):
        tenant.get_dataset(f"{PLATFORM}.{dataset}")
    with pytest.raises(exceptions.Forbidden, match="Access Denied"):
        client.get_dataset("tenant-project.own")


def test_a_dataset_can_let_another_projects_account_read(
    client: bigquery.Client, client_of: ClientOf, dataset: str
) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("a", "STRING")]))
    guest = client_of("guest-project", "reader")
    shared = client.get_dataset(dataset)
    email = "reader@guest-project.iam.gserviceaccount.com"
    shared.access_entries = [*shared.access_entries, bigquery.AccessEntry("READER", "userByEmail", email)]
    client.update_dataset(shared, ["access_entries"])
    assert guest.get_table(f"{PLATFORM}.{dataset}.t").num_rows == 0
    with pytest.raises(exceptions.Forbidden):
        guest.insert_rows_json(f"{PLATFORM}.{dataset}.t", [{"a": "x"}])


def test_a_view_shows_its_query(client: bigquery.Client, dataset: str) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("n", "INT64")]))
    client.insert_rows_json(f"{dataset}.t", [{"n": 1}, {"n": 2}])
    view = bigquery.Table(f"{PLATFORM}.{dataset}.v")
    view.view_query = f"SELECT n * 10 AS tens FROM `{PLATFORM}.{dataset}.t`"
    made = client.create_table(view)
    assert (made.table_type, [field.name for field in made.schema]) == ("VIEW", ["tens"])
    assert [row["tens"] for row in client.query_and_wait(f"SELECT tens FROM {dataset}.v ORDER BY tens")] == [10, 20]
    with pytest.raises(exceptions.BadRequest, match="Cannot list a table of type VIEW"):
        list(client.list_rows(made))


def test_a_partition_is_deleted_by_its_decorator(client: bigquery.Client, dataset: str) -> None:
    table = bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("day", "DATE")])
    table.time_partitioning = bigquery.TimePartitioning(field="day")
    client.create_table(table)
    client.insert_rows_json(f"{dataset}.t", [{"day": "2026-09-01"}, {"day": "2026-09-02"}])
    client.delete_table(f"{PLATFORM}.{dataset}.t$20260901")
    assert [str(row["day"]) for row in client.list_rows(client.get_table(f"{dataset}.t"))] == ["2026-09-02"]
    with pytest.raises(exceptions.BadRequest, match="Invalid partition decorator"):
        client.delete_table(f"{PLATFORM}.{dataset}.t$202609")
