from __future__ import annotations

import datetime as dt
import threading
import uuid
from decimal import Decimal
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from google.cloud.bigquery import QueryJobConfig, SchemaField

from devcloud.bigquery.service import BigQuery
from tests.devcloud.bigquery.conftest import PLATFORM, ClientOf

EVERY_TYPE = """
SELECT 9007199254740993 AS i, 0.5 AS f, NUMERIC '12345678901234567890.123456789' AS n, TRUE AS b,
  'é' AS s, FROM_HEX('00ff') AS y,
  DATE '2026-09-03' AS d, TIME '07:08:09.5' AS t, DATETIME '2026-09-03 07:08:09' AS dt,
  TIMESTAMP '2026-09-03 07:08:09.123456 UTC' AS ts, JSON '{"a": 1}' AS j, [1, 2] AS a,
  STRUCT('x' AS name, [STRUCT(1 AS n)] AS inner_rows) AS st, CAST(NULL AS STRING) AS nothing
"""
ENDLESS = (
    "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 200000)) a, UNNEST(GENERATE_ARRAY(1, 200000)) b WHERE a * b = 7"
)


def _http(client: bigquery.Client, service: BigQuery) -> tuple[AuthorizedSession, str]:
    base = f"{service.url}/bigquery/v2/projects/{client.project}"
    return AuthorizedSession(client._credentials), base


def test_values_of_every_type_are_returned_unchanged(client: bigquery.Client) -> None:
    expected: dict[str, Any] = {
        "i": 9007199254740993,
        "f": 0.5,
        "n": Decimal("12345678901234567890.123456789"),
        "b": True,
        "s": "é",
        "y": b"\x00\xff",
        "d": dt.date(2026, 9, 3),
        "t": dt.time(7, 8, 9, 500_000),
        "dt": dt.datetime(2026, 9, 3, 7, 8, 9),  # noqa: DTZ001 - a DATETIME has no zone
        "ts": dt.datetime(2026, 9, 3, 7, 8, 9, 123456, tzinfo=dt.UTC),
        "j": {"a": 1},
        "a": [1, 2],
        "st": {"name": "x", "inner_rows": [{"n": 1}]},
        "nothing": None,
    }
    assert [dict(row) for row in client.query_and_wait(EVERY_TYPE)] == [expected]
    assert [dict(row) for row in client.query(EVERY_TYPE).result()] == [expected]


def test_results_are_paged_and_can_be_read_again(client: bigquery.Client) -> None:
    job = client.query("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25)) AS n ORDER BY n")
    assert [len(list(page)) for page in job.result(page_size=10).pages] == [10, 10, 5]
    found = client.get_job(job.job_id)
    assert isinstance(found, bigquery.QueryJob)
    assert [row["n"] for row in found.result(start_index=23)] == [24, 25]
    assert [row["n"] for row in client.list_rows(job.destination, max_results=2)] == [1, 2]
    again = client.query_and_wait("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25)) AS n", page_size=10)
    assert len(list(again)) == 25


def test_dml_counts_its_rows(client: bigquery.Client, dataset: str) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("n", "INT64")]))
    job = client.query(f"INSERT INTO {dataset}.t (n) VALUES (1), (2), (3)")
    job.result()
    assert (job.num_dml_affected_rows, job.statement_type) == (3, "INSERT")
    rows = client.query_and_wait(f"UPDATE {dataset}.t SET n = n + 10 WHERE n > 1")
    assert rows.num_dml_affected_rows == 2
    assert [row["n"] for row in client.query_and_wait(f"SELECT n FROM {dataset}.t ORDER BY n")] == [1, 12, 13]


def test_a_used_job_id_is_409_and_its_first_result_stays(client: bigquery.Client) -> None:
    job_id = f"once-{uuid.uuid4().hex}"
    client.query("SELECT 1 AS n", job_id=job_id, job_retry=None).result()
    with pytest.raises(exceptions.Conflict, match=f"Already Exists: Job {PLATFORM}:US.{job_id}"):
        client.query("SELECT 2 AS n", job_id=job_id, job_retry=None)
    found = client.get_job(job_id)
    assert isinstance(found, bigquery.QueryJob)
    assert [row["n"] for row in found.result()] == [1]


def test_a_repeated_request_runs_once(client: bigquery.Client, service: BigQuery, dataset: str) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("n", "INT64")]))
    http, base = _http(client, service)
    body = {"query": f"INSERT INTO {dataset}.t (n) VALUES (1)", "useLegacySql": False, "requestId": uuid.uuid4().hex}
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(http.post(f"{base}/queries", json=body).json()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer["jobReference"]["jobId"] for answer in answers} == {answers[0]["jobReference"]["jobId"]}
    assert client.get_table(f"{dataset}.t").num_rows == 1
    other = http.post(f"{base}/queries", json=body | {"query": "SELECT 1"}).json()
    assert other["jobReference"]["jobId"] != answers[0]["jobReference"]["jobId"]


def test_a_short_answer_has_no_job_if_job_creation_is_optional(client_of: ClientOf) -> None:
    client = client_of()
    client.default_job_creation_mode = "JOB_CREATION_OPTIONAL"
    rows = client.query_and_wait("SELECT 1 AS n")
    assert (rows.job_id, [row["n"] for row in rows]) == (None, [1])
    assert rows.query_id
    paged = client.query_and_wait("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25)) AS n", page_size=10)
    assert (len(list(paged)), paged.job_id is None) == (25, False)


def test_a_job_runs_in_the_callers_own_project_only(client_of: ClientOf) -> None:
    tenant = client_of("tenant-project", "exporter")
    with pytest.raises(exceptions.Forbidden, match=r"bigquery\.jobs\.create"):
        tenant.query_and_wait("SELECT 1", project=PLATFORM)


def test_a_destination_with_two_columns_of_one_name_is_refused(client: bigquery.Client, dataset: str) -> None:
    query, table = "SELECT 1 AS n, 2 AS N", f"{PLATFORM}.{dataset}.t"
    with pytest.raises(exceptions.BadRequest, match=r"Duplicate column names .* Found duplicate\(s\): n"):
        client.query_and_wait(query, job_config=QueryJobConfig(destination=table))
    assert list(client.list_tables(dataset)) == []
    assert [list(row.values()) for row in client.query_and_wait(query)] == [[1, 2]]


def test_a_destination_follows_its_dispositions(client: bigquery.Client, dataset: str) -> None:
    table = f"{PLATFORM}.{dataset}.t"
    config = QueryJobConfig(
        destination=table,
        time_partitioning=bigquery.TimePartitioning(field="day"),
        clustering_fields=["n"],
        labels={"a": "b"},
    )
    sql = "SELECT DATE '2025-11-17' AS day, 1 AS n UNION ALL SELECT DATE '2025-11-18', 2"
    job = client.query(sql, job_config=config)
    assert len(list(job.result())) == 2
    made = client.get_table(table)
    assert (made.time_partitioning.field, made.clustering_fields, job.labels) == ("day", ["n"], {"a": "b"})
    with pytest.raises(exceptions.Conflict, match="Already Exists"):
        client.query(sql, job_config=config).result()
    partition = QueryJobConfig(destination=f"{table}$20251117", write_disposition="WRITE_TRUNCATE")
    client.query("SELECT DATE '2025-11-17' AS day, 10 AS n", job_config=partition).result()
    assert sorted(row["n"] for row in client.list_rows(made)) == [2, 10]
    with pytest.raises(exceptions.BadRequest, match="different partitions"):
        client.query(sql, job_config=partition).result()


def test_a_query_that_takes_longer_than_it_may_is_stopped(client: bigquery.Client) -> None:
    job = client.query(ENDLESS, job_config=QueryJobConfig(job_timeout_ms=50))
    with pytest.raises(exceptions.GoogleAPICallError, match=r"Job timed out after 0\.05s"):
        job.result()
    client.query(ENDLESS.replace("200000", "2"), job_config=QueryJobConfig(job_timeout_ms=60_000)).result()


def test_a_running_query_is_cancelled(client: bigquery.Client) -> None:
    job = client.query(ENDLESS)
    assert job.state != "DONE"
    client.cancel_job(job.job_id)
    with pytest.raises(exceptions.GoogleAPICallError, match="Job execution was cancelled"):
        job.result(retry=None, job_retry=None)
    assert client.get_job(job.job_id).error_result["reason"] == "stopped"


def test_a_slow_query_answers_incomplete_first(client: bigquery.Client, service: BigQuery) -> None:
    http, base = _http(client, service)
    answer = http.post(f"{base}/queries", json={"query": ENDLESS, "useLegacySql": False, "timeoutMs": 100}).json()
    assert answer["jobComplete"] is False
    client.cancel_job(answer["jobReference"]["jobId"])


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("SELEC 1", exceptions.BadRequest, "Syntax error"),
        ("SELECT * FROM nowhere.t", exceptions.NotFound, "Not found: Dataset"),
        ("SELECT * FROM `other-project.d.t`", exceptions.Forbidden, "Access Denied"),
    ],
)
def test_errors_have_bigquerys_words_and_codes(
    client: bigquery.Client, sql: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        client.query_and_wait(sql)
    with pytest.raises(error, match=message):
        client.query(sql).result()


def test_a_dry_run_returns_schema_and_bytes_and_changes_nothing(client: bigquery.Client, dataset: str) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("n", "INT64")]))
    client.insert_rows_json(f"{dataset}.t", [{"n": 1}])
    job = client.query(f"SELECT n FROM {dataset}.t", job_config=QueryJobConfig(dry_run=True))
    assert (job.state, job.total_bytes_processed, [field.name for field in job.schema or []]) == ("DONE", 8, ["n"])
    client.query(f"INSERT INTO {dataset}.t (n) VALUES (2)", job_config=QueryJobConfig(dry_run=True))
    assert client.get_table(f"{dataset}.t").num_rows == 1


def test_maximum_bytes_billed_is_enforced(client: bigquery.Client, dataset: str) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("n", "INT64")]))
    sql = f"SELECT n FROM {dataset}.t"
    assert list(client.query_and_wait(sql, job_config=QueryJobConfig(maximum_bytes_billed=20_000_000))) == []
    with pytest.raises(exceptions.BadRequest, match="10485760 or higher required"):
        client.query_and_wait(sql, job_config=QueryJobConfig(maximum_bytes_billed=1_000_000))


def test_jobs_are_listed_and_logged(client: bigquery.Client, service: BigQuery, dataset: str) -> None:
    label = f"r{uuid.uuid4().hex}"
    job = client.query("SELECT 1", job_config=QueryJobConfig(labels={"request_id": label}))
    job.result()
    assert job.job_id in {one.job_id for one in client.list_jobs(max_results=5)}
    logged = next(one for one in service.jobs() if one["id"] == job.job_id)
    assert logged["request_id"] == label
    assert logged["statement"] == "SELECT"
    assert logged["caller"].startswith("cvg-api@")


def test_a_job_runs_where_its_datasets_are(client: bigquery.Client, client_of: ClientOf, dataset: str) -> None:
    elsewhere = bigquery.Dataset(f"{PLATFORM}.{dataset}_eu")
    elsewhere.location = "EU"
    client.create_dataset(elsewhere)
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}_eu.t", schema=[SchemaField("n", "INT64")]))
    sql = f"SELECT n FROM {dataset}_eu.t"
    with pytest.raises(exceptions.NotFound, match=f"Dataset {PLATFORM}:{dataset}_eu was not found in location US"):
        client.query_and_wait(sql)
    anywhere = client_of(location=None)
    assert anywhere.query(sql).location == "EU"
    with pytest.raises(exceptions.NotFound, match="Not found: Job"):
        client.get_job(anywhere.query(sql).job_id)


def test_a_script_ends_with_its_last_rows_and_lists_its_statements(client: bigquery.Client) -> None:
    job = client.query("DECLARE n INT64 DEFAULT 2; SELECT 1 AS first; SELECT n * 21 AS answer;")
    assert [row["answer"] for row in job.result()] == [42]
    children = list(client.list_jobs(parent_job=job.job_id))
    assert (job.statement_type, job.num_child_jobs) == ("SCRIPT", len(children))
    assert [child.statement_type for child in children].count("SELECT") == 2


def test_a_request_without_a_token_is_401(client: bigquery.Client, service: BigQuery) -> None:
    import requests

    url = f"{service.url}/bigquery/v2/projects/{PLATFORM}/datasets"
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = requests.get(url, headers=headers, timeout=10)
        assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (401, "authError")


def test_a_missing_resource_is_named(client: bigquery.Client, service: BigQuery) -> None:
    http, base = _http(client, service)
    answer = http.get(f"{base}/datasets/d/routines")
    assert answer.status_code == 501
    assert answer.json()["error"]["errors"][0]["reason"] == "notImplemented"
    assert "routines" in answer.json()["error"]["message"]
