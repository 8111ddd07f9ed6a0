"""A statement's plan serves another statement that differs only in tables, with the same result."""

from __future__ import annotations

import pytest
from sqlglot import exp

from devcloud.bigquery.model import BigQueryError, TableRef
from devcloud.bigquery.sql import translate
from devcloud.bigquery.sql.context import Context
from devcloud.bigquery.sql.plan import Plan
from devcloud.bigquery.sql.plan_cache_keys import lift
from tests.support.devcloud.warehouse import Warehouse


def lifted(sql: str) -> list[str]:
    return [str(ref) for ref in lift(sql, "here").tables.values()]


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT x FROM `p-1.d.one` JOIN `d`.`two` AS b USING (x)", ["p-1:d.one", "here:d.two"]),
        ("INSERT INTO `p`.`d`.`one` (x) SELECT x FROM `d.two`", ["p:d.one", "here:d.two"]),
        ("DELETE FROM `d.one` WHERE x IN (SELECT x FROM `d.one`)", ["here:d.one"]),
        ("INSERT INTO `d`.one (x) SELECT x FROM `p-1`.d.two", ["here:d.one", "p-1:d.two"]),
        ("SELECT x FROM `p-1`.`d`.one AS a JOIN `p-1.d`.two USING (x)", ["p-1:d.one", "p-1:d.two"]),
        ("INSERT INTO `d.one` (x) SELECT 'one' FROM `d.one_more` -- of one", ["here:d.one", "here:d.one_more"]),
        ("MERGE `d`.one AS t USING (SELECT 1 AS x) AS s ON t.x = s.x", ["here:d.one"]),
        # Statements whose names must not be replaced: they matter elsewhere, or they are not names of tables.
        ("SELECT one.x FROM `d.one`", []),
        ("SELECT 1 FROM `d.one`, `e.one` JOIN `e.one` ON TRUE", []),
        ("SELECT 'FROM `d.one`' -- FROM `d.two`\n/* FROM `d.three` */ # FROM `d.four`", []),
        ("SELECT EXTRACT(DAY FROM `t`.`c`), a IS DISTINCT FROM `t`.`c`", []),
        ("SELECT table_name FROM `d`.INFORMATION_SCHEMA.TABLES", []),
        ("SELECT item FROM `d`.one-2, `d`.one.items", []),
        ("SELECT table_name FROM `d.INFORMATION_SCHEMA.TABLES`, `d`.`INFORMATION_SCHEMA`.`TABLES`", []),
        ("SELECT item FROM `d.one` AS t JOIN `t`.`items` AS item", ["here:d.one"]),
        ("SELECT item FROM `d.one` t JOIN `t.items` AS item", ["here:d.one"]),
        ("SELECT item FROM `d`.one t JOIN `t`.items AS item", ["here:d.one"]),
        ("SELECT item FROM d.one t JOIN `t`.items AS item", []),
        ("SELECT 1 FROM `region-us`.INFORMATION_SCHEMA.JOBS JOIN `p`.INFORMATION_SCHEMA.SCHEMATA ON TRUE", []),
        ("SELECT x FROM `d`.one--1", []),
        ("CREATE VIEW d.v AS SELECT x FROM `d.one`", []),
    ],
)
def test_only_names_of_tables_are_found(sql: str, tables: list[str]) -> None:
    assert lifted(sql) == tables


def test_places_in_the_text_stay_where_they_were() -> None:
    sql = "SELECT x,\n  y FROM `d`.`a_long_name` WHERE nobody = 1"
    found = lift(sql, "here")
    assert len(found.text) == len(sql)
    assert found.text.index("nobody") == sql.index("nobody")
    assert "a_long_name" not in found.text


@pytest.fixture
def twins(warehouse: Warehouse) -> Warehouse:
    for name, rows in (("one", "(1, 'a'), (2, 'b')"), ("two", "(30, 'c')"), ("odd", "('30', 'd')")):
        kind = "STRING" if name == "odd" else "INT64"
        warehouse.run(f"CREATE TABLE d.{name} (x {kind}, y STRING); INSERT INTO d.{name} VALUES {rows}")
    return warehouse


def test_a_plan_serves_every_table_of_its_shape_and_no_other(twins: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    bound = []
    bind = translate.bind

    def noting(tree: exp.Expr, context: Context) -> Plan:
        bound.append(tree)
        return bind(tree, context)

    monkeypatch.setattr(translate, "bind", noting)
    question = "SELECT MAX(t.x) AS largest FROM `d`.{} AS t"
    assert twins.value(question.format("one")) == 2
    assert twins.value(question.format("two")) == 30
    assert twins.value(question.format("one")) == 2
    assert len(bound) == 1
    assert twins.value(question.format("odd")) == "30"
    assert len(bound) == 2


def test_a_plan_for_two_spellings_of_one_table_is_not_used_for_two_tables(twins: Warehouse) -> None:
    joined = "SELECT SUM(a.x), SUM(b.x) FROM `d.{}` AS a CROSS JOIN `judge.d.{}` AS b"
    assert twins.rows(joined.format("one", "one")) == [(6, 6)]
    assert twins.rows(joined.format("one", "two")) == [(3, 60)]


def test_the_same_statement_in_several_scripts_reads_each_scripts_tables(twins: Warehouse) -> None:
    counted = "SELECT COUNT(*) FROM `d`.{}"
    assert twins.value(f"{counted}; SELECT MAX(x) FROM `d`.two".format("one")) == 30
    assert twins.value(counted.format("two")) == 1
    assert twins.value(f"SELECT 1; {counted}; SELECT MAX(y) FROM `d`.odd".format("one")) == "d"


def test_changes_go_to_the_table_that_is_named(twins: Warehouse) -> None:
    for name in ("one", "two"):
        result = twins.run(f"UPDATE `d`.`{name}` SET y = 'changed' WHERE x = 30")
        assert result.written_table == TableRef("judge", "d", name)
    assert twins.rows("SELECT y FROM d.one ORDER BY x") == [("a",), ("b",)]
    assert twins.rows("SELECT y FROM d.two") == [("changed",)]
    merge = "MERGE `d.{}` AS t USING (SELECT 2 AS x UNION ALL SELECT 30) AS s ON t.x = s.x WHEN MATCHED THEN DELETE"
    assert twins.run(merge.format("two")).dml_affected_rows == 1
    assert twins.run(merge.format("one")).dml_affected_rows == 1
    assert twins.rows("SELECT x FROM d.one UNION ALL SELECT x FROM d.two") == [(1,)]


def test_a_view_over_one_of_the_tables_still_reads_that_table(twins: Warehouse) -> None:
    twins.run("CREATE VIEW d.seen AS SELECT x FROM d.one")
    joined = "SELECT SUM(v.x + t.x) FROM `d.seen` AS v CROSS JOIN `d.{}` AS t"
    assert twins.value(joined.format("one")) == 12
    assert twins.value(joined.format("two")) == 63


def test_errors_name_the_table_and_the_position(twins: Warehouse) -> None:
    with pytest.raises(BigQueryError, match=r"Table judge:d\.three"):
        twins.run("SELECT x FROM `d.three`")
    with pytest.raises(BigQueryError, match=r"Unrecognized name: nobody at \[1:29\]"):
        twins.run("SELECT x FROM `d.one` WHERE nobody = 1")
