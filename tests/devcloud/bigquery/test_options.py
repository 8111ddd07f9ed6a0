"""Options of tables, datasets and jobs work as in BigQuery, or are refused before anything is created."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import LoadJobConfig, SchemaField

from devcloud.bigquery.service import BigQuery
from tests.devcloud.bigquery.conftest import PLATFORM
from tests.devcloud.bigquery.test_odd_requests import Rest


@pytest.fixture(scope="module")
def rest(client: bigquery.Client, service: BigQuery) -> Rest:
    return Rest(client, service)


def load(client: bigquery.Client, table: str, text: str, schema: list[SchemaField], **options: Any) -> None:
    config = LoadJobConfig(schema=schema, **options)
    client.load_table_from_file(io.BytesIO(text.encode()), table, job_config=config).result()


def rows(client: bigquery.Client, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query_and_wait(sql)]


# Loads --------------------------------------------------------------------------------------------------------------


def test_csv_text_of_a_json_column_is_json(client: bigquery.Client, dataset: str) -> None:
    text = '1,"{""id"": 10, ""a"": 1, ""id"": 2}"\n2,20\n3,null\n4,"""x"""\n5,\n'
    load(client, f"{dataset}.t", text, [SchemaField("n", "INT64"), SchemaField("j", "JSON")])
    found = rows(client, f"SELECT JSON_TYPE(j), TO_JSON_STRING(j) FROM {dataset}.t ORDER BY n")
    assert found == [
        ("object", '{"a":1,"id":10}'),
        ("number", "20"),
        ("null", "null"),
        ("string", '"x"'),
        (None, "null"),
    ]


@pytest.mark.parametrize(
    ("kind", "text"), [("CSV", "2026-01-02 00:00:00\n"), ("JSON", '{"at": "2026-01-02 00:00:00"}')]
)
def test_time_zone_of_a_load_is_that_of_timestamps_without_one(
    client: bigquery.Client, dataset: str, kind: str, text: str
) -> None:
    source_format = "CSV" if kind == "CSV" else "NEWLINE_DELIMITED_JSON"
    schema = [SchemaField("at", "TIMESTAMP")]
    load(client, f"{dataset}.t", text, schema, source_format=source_format, time_zone="America/New_York")
    assert rows(client, f"SELECT at FROM {dataset}.t") == [(dt.datetime(2026, 1, 2, 5, tzinfo=dt.UTC),)]
    with pytest.raises(exceptions.BadRequest, match="Invalid time zone: Moon"):
        load(client, f"{dataset}.t", text, schema, source_format=source_format, time_zone="Moon")


def test_line_break_in_quotes_is_accepted_only_when_allowed(client: bigquery.Client, dataset: str) -> None:
    schema, text = [SchemaField("a", "STRING"), SchemaField("b", "STRING")], 'x,"a\nb"\ny,z\n'
    with pytest.raises(exceptions.BadRequest, match="allowQuotedNewlines is not set"):
        load(client, f"{dataset}.t", text, schema)
    load(client, f"{dataset}.t", text, schema, allow_quoted_newlines=True)
    assert rows(client, f"SELECT b FROM {dataset}.t ORDER BY a") == [("a\nb",), ("z",)]


LATER = {
    "date_format": "YYYY",
    "datetime_format": "YYYY",
    "time_format": "HH24",
    "timestamp_format": "YYYY",
    "null_markers": ["N"],
    "source_column_match": "NAME",
    "decimal_target_types": ["NUMERIC"],
    "preserve_ascii_control_characters": True,
    "reference_file_schema_uri": "gs://b/o",
    "column_name_character_map": "V2",
    "projection_fields": ["a"],
    "ignore_unknown_values": True,
    "encoding": "ISO-8859-1",
}


@pytest.mark.parametrize("option", LATER)
def test_load_option_that_is_not_implemented_is_refused_and_creates_nothing(
    client: bigquery.Client, dataset: str, option: str
) -> None:
    with pytest.raises(exceptions.GoogleAPICallError, match="devcloud does not implement"):
        load(client, f"{dataset}.t", "1\n", [SchemaField("a", "INT64")], **{option: LATER[option]})
    with pytest.raises(exceptions.NotFound):
        client.get_table(f"{dataset}.t")


@pytest.mark.parametrize("kind", ["BIGNUMERIC", "GEOGRAPHY", "INTERVAL"])
def test_load_into_a_type_that_is_not_implemented_is_refused_by_name(
    client: bigquery.Client, dataset: str, kind: str
) -> None:
    with pytest.raises(exceptions.GoogleAPICallError, match=f"devcloud does not implement the type {kind}"):
        load(client, f"{dataset}.t", "1\n", [SchemaField("a", kind)])


# Tables -------------------------------------------------------------------------------------------------------------

COLUMNS = [
    {"name": "s", "type": "STRING"},
    {"name": "f", "type": "FLOAT64"},
    {"name": "d", "type": "DATE"},
    {"name": "xs", "type": "INT64", "mode": "REPEATED"},
]


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"clustering": {"fields": ["nope"]}}, "clustering cannot be found in the schema"),
        ({"clustering": {"fields": ["f"]}}, "Clustering is not supported on the field f of type FLOAT"),
        ({"clustering": {"fields": ["xs"]}}, "Clustering is not supported on the field xs of type REPEATED"),
        ({"clustering": {"fields": ["s", "S"]}}, "1 to 4 different fields"),
        ({"timePartitioning": {"type": "DAY", "field": "s"}}, "can only be of type TIMESTAMP, DATE or DATETIME"),
        ({"timePartitioning": {"type": "DAY", "field": "nope"}}, "partitioning cannot be found in the schema"),
        ({"timePartitioning": {"type": "HOUR", "field": "d"}}, "HOUR partitioning"),
        ({"timePartitioning": {"type": "WEEK"}}, "WEEK is not a valid value"),
        ({"requirePartitionFilter": True}, "not partitioned"),
        ({"labels": {"Bad Key": "x"}}, 'Label key "Bad Key"'),
        ({"labels": {"good": "Bad Value"}}, 'Label value "Bad Value"'),
        ({"schema": {"fields": [{"name": "a!b", "type": "INT64"}]}}, 'Invalid field name "a!b"'),
        ({"schema": {"fields": [{"name": "_PARTITIONTIME", "type": "DATE"}]}}, "Invalid field name"),
        ({"schema": {"fields": [{"name": "a", "type": "INT64"}] * 2}}, "Field a already exists in schema"),
        ({"schema": {"fields": [{"name": "r", "type": "RECORD"}]}}, "Field r is type RECORD but has no schema"),
        ({"schema": "text"}, "Invalid value at 'schema'"),
        ({"tableReference": []}, "Invalid value at 'tableReference'"),
    ],
)
def test_invalid_table_is_not_created(rest: Rest, dataset: str, table: dict[str, Any], what: str) -> None:
    body = {"tableReference": {"tableId": "t"}, "schema": {"fields": COLUMNS}} | table
    status, reason, message = rest.ask("POST", f"/datasets/{dataset}/tables", body)
    assert (status, reason) == (400, "invalid")
    assert what in message
    assert rest.ask("GET", f"/datasets/{dataset}/tables/t")[0] == 404


@pytest.mark.parametrize(
    "ddl",
    [
        "(s STRING) CLUSTER BY nope",
        "(f FLOAT64) CLUSTER BY f",
        "(`a!b` INT64)",
        "(s STRING) OPTIONS (labels = [('Bad Key', 'x')])",
        "(s STRING) OPTIONS (require_partition_filter = TRUE)",
    ],
)
def test_sql_creates_no_table_that_rest_refuses(client: bigquery.Client, dataset: str, ddl: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        client.query_and_wait(f"CREATE TABLE {dataset}.t {ddl}")
    with pytest.raises(exceptions.NotFound):
        client.get_table(f"{dataset}.t")


@pytest.mark.parametrize(
    "table",
    [
        {"encryptionConfiguration": {"kmsKeyName": "k"}},
        {"tableConstraints": {"primaryKey": {"columns": ["nope"]}}},
        {"rangePartitioning": {"field": "s", "range": {"start": "0", "end": "9", "interval": "1"}}},
        {"schema": {"fields": [{"name": "a", "type": "STRING", "maxLength": "2"}]}},
        {"schema": {"fields": [{"name": "a", "type": "NUMERIC", "precision": "3", "scale": "1"}]}},
        {"schema": {"fields": [{"name": "a", "type": "TIMESTAMP", "timestampPrecision": "12"}]}},
        {"defaultRoundingMode": "ROUND_HALF_EVEN"},
        {"maxStaleness": "0-0 0 1:0:0"},
        {"resourceTags": {"a/b": "c"}},
    ],
)
def test_table_option_that_is_not_implemented_is_refused(rest: Rest, dataset: str, table: dict[str, Any]) -> None:
    body = {"tableReference": {"tableId": "t"}, "schema": {"fields": COLUMNS}} | table
    assert rest.ask("POST", f"/datasets/{dataset}/tables", body)[:2] == (501, "notImplemented")
    made = {"tableReference": {"tableId": "made"}, "schema": {"fields": COLUMNS}}
    assert rest.ask("POST", f"/datasets/{dataset}/tables", made)[0] == 200
    if "schema" not in table:
        assert rest.ask("PATCH", f"/datasets/{dataset}/tables/made", table)[:2] == (501, "notImplemented")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"location": "MOON"}, 400),
        ({"labels": {"Bad Key": "x"}}, 400),
        ({"labels": ["x"]}, 400),
        ({"isCaseInsensitive": True}, 501),
        ({"defaultCollation": "und:ci"}, 501),
    ],
)
def test_invalid_dataset_is_not_created(rest: Rest, dataset: str, given: dict[str, Any], status: int) -> None:
    body = {"datasetReference": {"datasetId": f"{dataset}_new"}} | given
    assert rest.ask("POST", "/datasets", body)[0] == status
    assert rest.ask("GET", f"/datasets/{dataset}_new")[0] == 404


def test_partitions_expire_as_the_dataset_says(client: bigquery.Client, dataset: str) -> None:
    found = client.get_dataset(dataset)
    found.default_partition_expiration_ms = 7_776_000_000
    client.update_dataset(found, ["default_partition_expiration_ms"])
    client.query_and_wait(f"CREATE TABLE {dataset}.t (d DATE) PARTITION BY d")
    client.query_and_wait(f"CREATE TABLE {dataset}.own (d DATE) PARTITION BY d OPTIONS (partition_expiration_days = 1)")
    assert client.get_table(f"{dataset}.t").time_partitioning.expiration_ms == 7_776_000_000
    assert client.get_table(f"{dataset}.own").time_partitioning.expiration_ms == 86_400_000


# Jobs ---------------------------------------------------------------------------------------------------------------


def test_destination_of_a_writing_statement_is_the_table_that_it_writes(client: bigquery.Client, dataset: str) -> None:
    target = f"{PLATFORM}.{dataset}.t"
    for sql in (
        f"CREATE TABLE {dataset}.t AS SELECT x FROM UNNEST([1, 2, 3]) AS x",
        f"INSERT INTO {dataset}.t VALUES (4)",
        f"UPDATE {dataset}.t SET x = 5 WHERE x = 4",
        f"MERGE {dataset}.t USING (SELECT 5 AS x) AS s ON t.x = s.x WHEN MATCHED THEN DELETE",
        f"DELETE FROM {dataset}.t WHERE x = 3",
    ):
        job = client.query(sql)
        job.result()
        assert str(job.destination) == str(client.get_job(job.job_id).destination) == target  # type: ignore[union-attr]
    assert client.get_table(target).num_rows == 2


def test_job_with_the_shortest_timeout_is_stopped(client: bigquery.Client, dataset: str) -> None:
    config = bigquery.QueryJobConfig(job_timeout_ms=1)
    sql = f"CREATE TABLE {dataset}.t AS SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a"
    with pytest.raises(exceptions.GoogleAPICallError, match="timed out"):
        client.query(sql, job_config=config).result()
    with pytest.raises(exceptions.NotFound):
        client.get_table(f"{dataset}.t")


def test_invalid_label_of_a_job_is_refused(client: bigquery.Client) -> None:
    with pytest.raises(exceptions.BadRequest, match='Label key "Bad Key"'):
        client.query("SELECT 1", job_config=bigquery.QueryJobConfig(labels={"Bad Key": "x"}))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": "#standardSQL\nSELECT 1"}, 200),
        ({"query": "#legacySQL\nSELECT 1", "useLegacySql": False}, 501),
        ({"query": "SELECT 1"}, 501),
        ({"query": "SELECT 1", "useLegacySql": False, "createSession": True}, 501),
        ({"query": "SELECT 1", "useLegacySql": False, "continuous": True}, 501),
        ({"query": "SELECT 1", "useLegacySql": False, "queryResultsFormat": "ARROW"}, 501),
        ({"query": "SELECT 1", "useLegacySql": False, "defaultDataset": "d"}, 400),
        ({"query": ["SELECT 1"], "useLegacySql": False}, 400),
        ({"query": "SELECT 1", "useLegacySql": False, "queryParameters": "x"}, 400),
        ({"query": "SELECT 1", "useLegacySql": False, "labels": {"Bad Key": "x"}}, 400),
    ],
)
def test_query_request_is_understood_or_refused(rest: Rest, body: dict[str, Any], status: int) -> None:
    assert rest.ask("POST", "/queries", body)[0] == status
    query = {key: value for key, value in body.items() if key not in ("labels", "queryResultsFormat")}
    configuration = {"query": query} | {key: body[key] for key in ("labels",) if key in body}
    refused_at_once = status != 501 or ("useLegacySql" in body and "#" not in body["query"])
    if "queryResultsFormat" not in body and refused_at_once:  # the SQL text is parsed only when the job runs
        assert rest.ask("POST", "/jobs", {"configuration": configuration})[0] == status
