"""Statements take recorded latencies, and a cancelled job does not wait for its latency."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator

import pytest
from google.cloud import bigquery

from devcloud.bigquery.jobs.latencies import RECORDED, Latencies, quantile
from devcloud.bigquery.service import BigQuery
from devcloud.identity import Identity

SCRIPT = """
BEGIN TRANSACTION;
CREATE TEMP TABLE counted AS SELECT 1 AS n;
ASSERT (SELECT COUNT(*) FROM counted) = 1 AS 'ONE';
COMMIT TRANSACTION;
SELECT n FROM counted;
"""


class Noted(Latencies):
    """Records the statements that it is asked about; every one has the latency `seconds`."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.seconds = 0.0

    def draw(self, text: str) -> float:
        self.texts.append(text)
        return self.seconds


@pytest.fixture(scope="module")
def latencies() -> Noted:
    return Noted()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, identity: Identity, latencies: Noted) -> Iterator[BigQuery]:
    found = BigQuery(tmp_path_factory.mktemp("slow"), identity, latencies=latencies)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def asked(latencies: Noted) -> list[str]:
    """The first words of each statement that takes time from now on."""
    latencies.texts.clear()
    return latencies.texts


def test_the_recorded_shares_of_statements_take_the_recorded_seconds() -> None:
    assert [quantile(share) for share, _ in RECORDED] == [seconds for _, seconds in RECORDED]
    drawn = [quantile(number / 1000) for number in range(1001)]
    assert drawn == sorted(drawn)
    assert (drawn[0], drawn[-1]) == (RECORDED[0][1], RECORDED[-1][1])


def test_drawn_latencies_are_distributed_like_the_recorded_ones() -> None:
    latencies = Latencies(seed=3)
    drawn = sorted(latencies.draw(f"SELECT {number}") for number in range(4000))
    for share, seconds in RECORDED:
        assert sum(latency <= seconds for latency in drawn) / 4000 == pytest.approx(share, abs=0.02)


def test_a_statement_takes_the_same_time_whatever_runs_at_the_same_time() -> None:
    alone, beside = Latencies(seed=5), Latencies(seed=5)
    first = [alone.draw("SELECT 1") for _ in range(3)]
    mixed = [beside.draw(text) for text in ("SELECT 1", "SELECT 2", "SELECT 1", "SELECT 2", "SELECT 1")]
    assert mixed[::2] == first
    assert len(set(first)) == 3
    assert Latencies(seed=6).draw("SELECT 1") != first[0]


def test_each_statement_of_a_script_takes_time_except_begin_and_commit(
    client: bigquery.Client, asked: list[str]
) -> None:
    client.query_and_wait(SCRIPT)
    assert [text.split()[0] for text in asked] == ["CREATE", "ASSERT", "SELECT"]


def test_a_query_with_a_limit_takes_its_time_once_and_so_does_a_dry_run(
    client: bigquery.Client, asked: list[str]
) -> None:
    client.query_and_wait("SELECT 1", job_config=bigquery.QueryJobConfig(maximum_bytes_billed=10**9))
    client.query("SELECT 2", job_config=bigquery.QueryJobConfig(dry_run=True))
    assert asked == ["SELECT 1", "SELECT 2"]


def test_a_load_takes_the_time_of_a_statement(client: bigquery.Client, dataset: str, asked: list[str]) -> None:
    config = bigquery.LoadJobConfig(
        source_format="NEWLINE_DELIMITED_JSON", schema=[bigquery.SchemaField("n", "INTEGER")]
    )
    client.load_table_from_file(io.BytesIO(b'{"n": 1}\n'), f"{dataset}.loaded", job_config=config).result()
    assert asked == ["load"]


def test_a_job_that_is_cancelled_during_its_latency_stops(client: bigquery.Client, latencies: Noted) -> None:
    latencies.seconds = 3600.0
    job_id = f"slow-{uuid.uuid4()}"
    client.query("SELECT 1", job_id=job_id, job_retry=None)
    latencies.seconds = 0.0
    client.cancel_job(job_id)
    job = client.get_job(job_id)
    assert (job.state, job.error_result["reason"]) == ("DONE", "stopped")
