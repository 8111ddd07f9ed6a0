"""Transactions: snapshot isolation, conflicts by table, and the state after a crash or an error."""

from __future__ import annotations

import threading

import pytest

from devcloud.bigquery.model import BigQueryError
from devcloud.bigquery.sql.session import Session
from tests.support.devcloud.warehouse import Warehouse

_BUMP = "UPDATE counter SET n = n + 1 WHERE TRUE"


@pytest.fixture
def counter(warehouse: Warehouse) -> Warehouse:
    warehouse.run("CREATE TABLE counter (n INT64, name STRING); INSERT INTO counter VALUES (0, 'a'), (0, 'b')")
    return warehouse


def begin(warehouse: Warehouse, session: Session, *statements: str) -> None:
    """Run statements in a transaction that stays open between calls."""
    session.begin_transaction()
    for statement in statements:
        warehouse.run(statement, session)


def test_a_transaction_sees_its_snapshot_and_its_own_writes(counter: Warehouse) -> None:
    with counter.engine.session() as session:
        begin(counter, session)
        counter.run("INSERT INTO counter VALUES (9, 'late')")
        counter.run("INSERT INTO counter VALUES (1, 'own')", session)
        rows = counter.run("SELECT name FROM counter ORDER BY name", session).rows
        assert rows is not None
        assert rows["name"].to_pylist() == ["a", "b", "own"]


@pytest.mark.parametrize("first", ["UPDATE counter SET n = 1 WHERE name = 'a'", "DELETE FROM counter WHERE name = 'a'"])
@pytest.mark.parametrize("second", ["UPDATE counter SET n = 2 WHERE name = 'b'", "DELETE FROM counter WHERE TRUE"])
def test_two_transactions_that_mutate_one_table_conflict_even_on_different_rows(
    counter: Warehouse, first: str, second: str
) -> None:
    with counter.engine.session() as one, counter.engine.session() as two:
        begin(counter, one, first)
        with pytest.raises(BigQueryError) as caught:
            begin(counter, two, second)
        one.commit()
    assert caught.value.reason == "invalidQuery"
    assert caught.value.message.startswith(
        "Transaction is aborted due to concurrent update against table judge:d.counter. Transaction ID: "
    )


def test_a_mutation_committed_after_the_snapshot_aborts(counter: Warehouse) -> None:
    with counter.engine.session() as session:
        begin(counter, session)
        counter.run("UPDATE counter SET n = 5 WHERE name = 'a'")
        with pytest.raises(BigQueryError, match="aborted due to concurrent update"):
            counter.run("DELETE FROM counter WHERE name = 'b'", session)
    assert counter.rows("SELECT n FROM counter ORDER BY n") == [(0,), (5,)]


def test_inserts_conflict_with_nothing(counter: Warehouse) -> None:
    with counter.engine.session() as one, counter.engine.session() as two:
        begin(counter, one, _BUMP)
        begin(counter, two, "INSERT INTO counter VALUES (7, 'c')")
        counter.run("INSERT INTO counter VALUES (8, 'd')")
        one.commit()
        two.commit()
    assert counter.rows("SELECT n FROM counter ORDER BY n") == [(1,), (1,), (7,), (8,)]


def test_single_statements_queue_for_the_table(counter: Warehouse) -> None:
    def bump() -> None:
        for _ in range(5):
            counter.run(_BUMP)

    threads = [threading.Thread(target=bump) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.rows("SELECT DISTINCT n FROM counter") == [(20,)]


def test_transactions_from_many_threads_never_lose_an_update(counter: Warehouse) -> None:
    outcomes: list[str] = []

    def bump() -> None:
        for _ in range(6):
            try:
                counter.run(f"BEGIN TRANSACTION; {_BUMP}; ASSERT @@row_count = 2 AS 'two'; COMMIT TRANSACTION")
                outcomes.append("")
            except BigQueryError as error:
                outcomes.append(error.message)

    threads = [threading.Thread(target=bump) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.rows("SELECT DISTINCT n FROM counter") == [(outcomes.count(""),)]
    assert "" in outcomes
    assert all("aborted due to concurrent update" in outcome for outcome in outcomes if outcome)


def test_a_failing_script_rolls_its_open_transaction_back(counter: Warehouse) -> None:
    with pytest.raises(BigQueryError, match="Assertion failed: EPOCH_MOVED"):
        counter.run(f"BEGIN TRANSACTION; {_BUMP}; ASSERT @@row_count = 1 AS 'EPOCH_MOVED'; COMMIT TRANSACTION")
    assert counter.rows("SELECT DISTINCT n FROM counter") == [(0,)]
    counter.run(_BUMP)


def test_a_script_without_a_transaction_is_not_atomic(counter: Warehouse) -> None:
    for last in ("SELECT 1 / 0", "SELECT nothing_like_it", "INSERT INTO counter VALUES (1 / 0, 'x')"):
        with pytest.raises(BigQueryError):
            counter.run(f"{_BUMP}; {last}")
    assert counter.rows("SELECT DISTINCT n FROM counter") == [(3,)]


def test_a_committed_transaction_survives_the_failure_of_the_last_select(counter: Warehouse) -> None:
    with pytest.raises(BigQueryError, match="division by zero"):
        counter.run(f"BEGIN TRANSACTION; {_BUMP}; COMMIT TRANSACTION; SELECT 1 / 0")
    assert counter.rows("SELECT DISTINCT n FROM counter") == [(1,)]


def test_the_jobs_destination_is_committed_with_the_last_statement(counter: Warehouse) -> None:
    with counter.engine.session() as session:
        counter.run(_BUMP, session)
        session.cursor.execute("INSERT INTO _devcloud.datasets VALUES ('x', 'y', '{}')")
    assert counter.rows("SELECT DISTINCT n FROM counter") == [(0,)]
    assert counter.database.execute("SELECT count(*) FROM _devcloud.datasets WHERE project = 'x'").fetchall() == [(0,)]


def test_rollback_drops_temporary_tables_made_inside(counter: Warehouse) -> None:
    with pytest.raises(BigQueryError, match=r"Not found: Table judge:d\.q"):
        counter.run("BEGIN TRANSACTION; CREATE TEMP TABLE q AS SELECT 1 AS x; ROLLBACK TRANSACTION; SELECT x FROM q")


@pytest.mark.parametrize("sql", ["COMMIT TRANSACTION", "ROLLBACK TRANSACTION", "BEGIN; BEGIN"])
def test_transaction_statements_in_the_wrong_place_are_refused(counter: Warehouse, sql: str) -> None:
    with pytest.raises(BigQueryError) as caught:
        counter.run(sql)
    assert caught.value.reason == "invalidQuery"


def test_permanent_tables_cannot_be_made_inside_a_transaction(counter: Warehouse) -> None:
    with pytest.raises(BigQueryError, match="not supported in a transaction"):
        counter.run("BEGIN TRANSACTION; CREATE OR REPLACE TABLE other (x INT64); COMMIT TRANSACTION")
