"""A test can hold jobs and transactions for as long as it wants."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from devcloud.bigquery.service import BigQuery
from tests.devcloud.bigquery.conftest import PLATFORM


def asked(client: bigquery.Client, **labels: str) -> bigquery.QueryJob:
    return client.query("SELECT 1 AS n", job_config=bigquery.QueryJobConfig(labels=labels))


def test_the_next_job_with_the_labels_waits_until_its_gate_opens(client: bigquery.Client, service: BigQuery) -> None:
    with service.hold(run="a", step="sum") as gate:
        assert [len(list(asked(client, run=run, step=step).result())) for run, step in ("ab", "bs")] == [1, 1]
        held = asked(client, run="a", step="sum", tenant="t")
        assert gate.await_job() == held.job_id
        assert client.get_job(held.job_id).state == "RUNNING"
        assert len(list(asked(client, run="a", step="sum").result())) == 1  # the gate holds one job
        gate.open()
        assert [row["n"] for row in held.result()] == [1]


def test_a_request_does_not_wait_for_the_job_that_is_held(
    client: bigquery.Client, service: BigQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devcloud.bigquery.rest.jobs._GRACE_SECONDS", 3_600.0)
    with service.hold(step="long"):
        assert asked(client, step="long").state == "RUNNING"


def test_a_gate_opens_at_the_end_of_its_block(client: bigquery.Client, service: BigQuery) -> None:
    with service.hold(step="left") as gate:
        held = asked(client, step="left")
        gate.await_job()
    assert len(list(held.result())) == 1
    assert len(list(asked(client, step="left").result())) == 1


def test_a_held_job_is_cancelled_and_has_done_nothing(client: bigquery.Client, service: BigQuery, dataset: str) -> None:
    config = bigquery.QueryJobConfig(labels={"step": "make"})
    with service.hold(step="make") as gate:
        held = client.query(f"CREATE TABLE {dataset}.made AS SELECT 1 AS n", job_config=config)
        gate.await_job()
        held.cancel()
        with pytest.raises(exceptions.GoogleAPICallError, match="cancelled"):
            held.result()
    assert list(client.list_tables(dataset)) == []


def test_a_transaction_stays_open_until_the_end_of_its_block(
    client: bigquery.Client, service: BigQuery, dataset: str
) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t AS SELECT 1 AS n")
    insert = f"INSERT INTO {dataset}.t (n) VALUES (2)"
    script = f"BEGIN TRANSACTION; DELETE FROM {dataset}.t WHERE TRUE; COMMIT TRANSACTION"
    with service.open_transaction(PLATFORM, f"UPDATE {dataset}.t SET n = 3 WHERE TRUE", insert):
        assert [row["n"] for row in client.query_and_wait(f"SELECT n FROM {dataset}.t")] == [1]
        with pytest.raises(exceptions.BadRequest, match="concurrent update"):
            client.query_and_wait(script)
    assert [row["n"] for row in client.query_and_wait(f"SELECT n FROM {dataset}.t ORDER BY n")] == [2, 3]
