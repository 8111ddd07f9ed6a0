"""JSON in texts: digits within strings are not numbers, and unimplemented casts are refused by name."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import duckdb
import pytest

from devcloud.bigquery.model import BigQueryError
from devcloud.bigquery.sql.errors import translate
from tests.support.devcloud.warehouse import Warehouse

MACROS = resources.files("devcloud.bigquery.sql").joinpath("macros.sql").read_text()
MARKED = sorted(set(re.findall(r"'bq: .*? AS ([A-Z]+(?:\(\d+,\d+\))?)\)", MACROS)))


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("""JSON_QUERY_ARRAY('["12345678901.423457"]')""", ['"12345678901.423457"']),
        ("""JSON_VALUE('{"total": "12345678901234567.423457"}', '$.total')""", "12345678901234567.423457"),
        ("""TO_JSON_STRING(PARSE_JSON('{"a":"app-12.1234567890123456789"}'))""", '{"a":"app-12.1234567890123456789"}'),
        (r"""JSON_VALUE('{"a":"\\\"1.12345678901234567890"}', '$.a')""", '"1.12345678901234567890'),
        (r"""JSON_VALUE('{"a":"\\\\","b":"1.12345678901234567890"}', '$.b')""", "1.12345678901234567890"),
        ("""JSON_VALUE('{"1.12345678901234567890": 5}', '$."1.12345678901234567890"')""", "5"),
        ("""JSON_VALUE('{"a": 1.5, "b": "x"}', '$.a')""", "1.5"),
        # The first of several equal keys counts.
        ("""TO_JSON_STRING(PARSE_JSON('{"a":1,"b/~":{"c":2},"a":3,"b/~":4}'))""", '{"a":1,"b/~":{"c":2}}'),
    ],
)
def test_text_is_not_searched_for_numbers(warehouse: Warehouse, sql: str, answer: Any) -> None:
    assert warehouse.value(f"SELECT {sql}") == answer


@pytest.mark.parametrize("document", ['{"a": 1.12345678901234567890}', '{"a": "x\\\\", "b": -1.12345678901234567890}'])
def test_numbers_that_do_not_fit_a_double_are_refused_by_name(warehouse: Warehouse, document: str) -> None:
    warehouse.run("CREATE TABLE documents (document STRING)")
    warehouse.run("INSERT INTO documents VALUES (@document)", document=("STRING", document))
    with pytest.raises(BigQueryError, match="does not implement JSON numbers of so many digits") as caught:
        warehouse.run("SELECT JSON_VALUE(document, '$.a') FROM documents")
    assert (caught.value.reason, caught.value.status) == ("notImplemented", 501)
    with pytest.raises(BigQueryError, match="a number cannot round-trip"):
        warehouse.run("SELECT PARSE_JSON(document) FROM documents")


@pytest.mark.parametrize("kind", MARKED)
def test_marker_of_macros_is_read_whatever_it_is_cast_to(kind: str) -> None:
    with pytest.raises(duckdb.Error) as caught:
        duckdb.execute(
            f"SELECT CAST(text AS {kind}) FROM (SELECT 'bq: notImplemented what it says' AS text)"
        ).fetchall()
    assert str(translate(caught.value).message) == "devcloud does not implement what it says"


def test_markers_are_known() -> None:
    assert {"JSON", "DATE", "BIGINT", "TIMESTAMPTZ"} <= set(MARKED)
