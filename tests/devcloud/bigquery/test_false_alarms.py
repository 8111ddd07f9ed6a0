"""DuckDB may report corruption if a string is read during an append: the statement is then run again."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from devcloud.bigquery import catalog
from devcloud.bigquery.jobs import records
from devcloud.bigquery.jobs.job import Job, Outcome
from devcloud.bigquery.jobs.locations import Locations
from devcloud.bigquery.jobs.runner import JobRunner
from devcloud.bigquery.model import QueryRequest
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.errors import translate
from devcloud.bigquery.sql.session import Session
from devcloud.bigquery.transactions import repeatable
from devcloud.identity import Caller

ALARM = duckdb.IOException("Corrupted uncompressed string segment: dictionary offset 9 exceeds dictionary size 4")
PROJECT, MADE = "convergence-test", "CREATE TABLE d.t (n INT64)"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with duckdb.connect() as database:
        found = Engine(database)
        with database.cursor() as cursor:
            catalog.set_up(cursor)
            records.set_up(cursor)
        yield found


def run(engine: Engine, *raised: Exception | None, script: str = "SELECT 1") -> Job:
    """Run a job whose handler runs a script and raises DuckDB's errors one after the other."""
    answers = iter(raised)

    def handler(_: Job, session: Session) -> Outcome:
        engine.run(QueryRequest(script, PROJECT), session=session)
        if error := next(answers):
            raise error
        return Outcome()

    runner = JobRunner(engine, {"query": handler}, Locations(engine, "US"))
    job = Job(PROJECT, "US", "one", {"query": {"query": script}}, Caller("somebody", PROJECT))
    runner.submit(job)
    job.done.wait()
    runner.stop()
    return job


def test_a_job_that_has_changed_nothing_runs_again(engine: Engine) -> None:
    assert run(engine, ALARM, ALARM, None).error is None


def test_a_script_that_has_committed_does_not_run_again(engine: Engine) -> None:
    job = run(engine, ALARM, None, script="CREATE TEMP TABLE t (n INT64); INSERT INTO t VALUES (1); SELECT n FROM t;")
    assert job.error is not None
    assert (job.error.reason, job.error.status) == ("backendError", 503)


def test_any_other_error_ends_the_job_at_once(engine: Engine) -> None:
    job = run(engine, duckdb.IOException("No space left on device"), None)
    assert job.error is not None
    assert job.error.reason == "invalidQuery"


def test_a_change_of_a_resource_is_repeated(engine: Engine) -> None:
    said = iter([ALARM, None])

    def work(_: Session) -> str:
        if error := next(said):
            raise error
        return "made"

    assert repeatable(engine, work) == "made"
    assert translate(ALARM).reason == "backendError"
