"""A transaction sees one catalog from its beginning to its end, whatever others commit meanwhile."""

from __future__ import annotations

from devcloud.bigquery import catalog
from devcloud.bigquery.model import TableRef
from devcloud.bigquery.sql.session import Session
from tests.support.devcloud.warehouse import DATASET, PROJECT, Warehouse

TABLE = TableRef(PROJECT, DATASET, "t")


def described(session: Session) -> str | None:
    session.read()
    found = catalog.find_table(session.cursor, TABLE)
    return None if found is None else str(found.get("description", ""))


def test_a_change_is_seen_by_its_transaction_and_by_those_that_begin_after_its_commit(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE d.t (x INT64)")
    engine = warehouse.engine
    with engine.session() as earlier, engine.session() as changing, engine.session() as later:
        assert described(earlier) == described(changing) == ""
        catalog.patch_table(changing.cursor, TABLE, {"description": "new"})
        assert (described(changing), described(earlier), described(later)) == ("new", "", "")
        changing.commit()
        assert (described(earlier), described(later)) == ("", "")
        later.rollback()
        assert described(later) == "new"


def test_a_rolled_back_change_is_never_visible(warehouse: Warehouse) -> None:
    with warehouse.engine.session() as session:
        assert described(session) is None
        catalog.create_table(session.cursor, TABLE, {"schema": {"fields": [{"name": "x", "type": "INT64"}]}})
        assert described(session) == ""
        session.rollback()
        assert described(session) is None


def test_a_snapshot_is_taken_at_the_beginning_and_not_at_the_first_read(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE d.t (x INT64)")
    with warehouse.engine.session() as session:
        session.read()
        warehouse.run("INSERT INTO d.t VALUES (1)")
        assert warehouse.run("SELECT COUNT(*) FROM d.t", session).rows.to_pydict() == {"f0_": [0]}  # type: ignore[union-attr]
