"""ERROR() fails where it is evaluated, and is allowed where any type is allowed."""

from __future__ import annotations

import pytest

from devcloud.bigquery.model import BigQueryError
from tests.support.devcloud.warehouse import Warehouse

BRANCHES = ("'x'", "1", "DATE '2025-11-16'", "[1, 2]", "TRUE", "NUMERIC '1.5'")


@pytest.mark.parametrize("value", BRANCHES)
def test_an_error_that_is_not_evaluated_takes_the_type_of_the_other_branch(warehouse: Warehouse, value: str) -> None:
    wanted = warehouse.value(f"SELECT {value}")
    assert warehouse.value(f"SELECT CASE WHEN FALSE THEN ERROR('no') ELSE {value} END") == wanted
    assert warehouse.value(f"SELECT IF(TRUE, {value}, ERROR('no'))") == wanted


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ERROR('Refused: MOVED')",
        "SELECT IF(EXISTS (SELECT 1 FROM runs WHERE id = 'a'), ERROR('Refused: MOVED'), 'fine')",
        "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM runs WHERE id = 'b') THEN ERROR('Refused: MOVED') ELSE 'x' END",
        "UPDATE runs SET state = IF(state = 'DONE', state, ERROR('Refused: MOVED')) WHERE TRUE",
        """
        MERGE runs USING (SELECT 'a' AS id, ERROR('Refused: MOVED') AS n) AS new ON runs.id = new.id
        WHEN MATCHED AND new.n = 1 THEN DELETE
        """,
        "INSERT INTO runs SELECT IF(EXISTS (SELECT 1 FROM runs), ERROR('Refused: MOVED'), 'b'), 'NEW'",
    ],
)
def test_an_error_that_is_evaluated_fails_the_statement_with_its_message(warehouse: Warehouse, sql: str) -> None:
    warehouse.run("CREATE TABLE runs (id STRING NOT NULL, state STRING)")
    warehouse.run("INSERT INTO runs VALUES ('a', 'NEW')")
    with pytest.raises(BigQueryError, match="Refused: MOVED") as raised:
        warehouse.run(sql)
    assert raised.value.reason == "invalidQuery"
    assert warehouse.rows("SELECT id, state FROM runs") == [("a", "NEW")]


def test_an_error_aborts_the_transaction_it_is_in(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE runs (id STRING NOT NULL)")
    failing = "SELECT IF(1 = 1, ERROR('Refused: MOVED'), 0)"
    with pytest.raises(BigQueryError, match="Refused: MOVED"):
        warehouse.run(f"BEGIN TRANSACTION; INSERT INTO runs VALUES ('a'); {failing}; COMMIT TRANSACTION")
    assert warehouse.rows("SELECT id FROM runs") == []
