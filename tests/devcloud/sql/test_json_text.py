"""JSON in texts: digits within strings are not numbers, and unimplemented casts are refused by name."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

import duckdb
import pytest

from devcloud.bigquery.model import BigQueryError
from devcloud.bigquery.sql.errors import translate
from tests.support.devcloud.warehouse import Warehouse

SQL = resources.files("devcloud.bigquery.sql")
MACROS = "".join(SQL.joinpath(name).read_text() for name in ("macros.sql", "json_macros.sql"))
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
        ("""JSON_VALUE('{"a": "at 1.50 ", "b": 2.0, "c": [10, 1.05]}', '$.b')""", "2.0"),
        ("""JSON_VALUE('no JSON, 1.50 ', '$')""", None),
        # The first of several equal keys counts.
        ("""TO_JSON_STRING(PARSE_JSON('{"a":1,"b/~":{"c":2},"a":3,"b/~":4}'))""", '{"a":1,"b/~":{"c":2}}'),
    ],
)
def test_text_is_not_searched_for_numbers(warehouse: Warehouse, sql: str, answer: Any) -> None:
    assert warehouse.value(f"SELECT {sql}") == answer


STORED = [
    # The first of equal members counts, and members are sorted by the bytes of their names.
    ('{"b":1,"a":{"d":1,"c":2,"d":3}}', '{"a":{"c":2,"d":1},"b":1}'),
    ('[{"b":1,"a":2},{"b":3}]', '[{"a":2,"b":1},{"b":3}]'),
    ('{"é":1,"z":2,"Z":3,"😀":4,"":5,"a/~b":6,"q\\"":7}', '{"":5,"Z":3,"a/~b":6,"q\\"":7,"z":2,"é":1,"😀":4}'),
    ('{ "a" : [ 1 , { } , [ ] ] }', '{"a":[1,{},[]]}'),
    ('{"a": 1.50, "b": 1e2, "c": -0.0, "d": 1E-7}', '{"a":1.5,"b":100.0,"c":-0.0,"d":1e-07}'),
    ("[18446744073709551615, -9223372036854775808, 1e21]", "[18446744073709551615,-9223372036854775808,1e+21]"),
    ('"{\\"b\\":1,\\"a\\":NaN,}"', '"{\\"b\\":1,\\"a\\":NaN,}"'),
    ("null", "null"),
    ("1.0", "1.0"),
]
REFUSED = [
    *(
        "NaN",
        '{"a":Infinity}',
        "[-Infinity]",
        '{"a":1,}',
        "[1 , ]",
        "01",
        "",
        "+1",
        ".5",
        "1.",
        "'a'",
        "/*a*/1",
        "{a:1}",
    ),
    *("12345678901234567890123", "-9223372036854775809", "18446744073709551616", "0.12345678901234567890", "1e400"),
]


@pytest.mark.parametrize(("text", "stored"), STORED)
def test_a_document_is_stored_in_its_normal_form_however_it_is_given(
    warehouse: Warehouse, text: str, stored: str
) -> None:
    assert warehouse.value("SELECT TO_JSON_STRING(PARSE_JSON(@t))", t=("STRING", text)) == stored
    found = warehouse.value("SELECT TO_JSON_STRING(PARSE_JSON(t)) FROM UNNEST(@t) AS t", t=("ARRAY<STRING>", [text]))
    assert found == stored
    assert warehouse.value(f"SELECT TO_JSON_STRING(PARSE_JSON(r'''{text}'''))") == stored


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_document_for_bigquery_is_refused(warehouse: Warehouse, text: str) -> None:
    for given in ("PARSE_JSON(@t)", "(SELECT PARSE_JSON(t) FROM UNNEST([@t, 'null']) AS t LIMIT 1)"):
        with pytest.raises(BigQueryError, match="Invalid"):
            warehouse.value(f"SELECT TO_JSON_STRING({given})", t=("STRING", text))


@pytest.mark.parametrize(
    ("made", "stored"),
    [
        ("TO_JSON(STRUCT(2 AS b, [STRUCT(1 AS z, 'x' AS y)] AS a))", '{"a":[{"y":"x","z":1}],"b":2}'),
        ("TO_JSON_STRING(STRUCT(2 AS b, 1 AS a))", '{"b":2,"a":1}'),
        ("JSON_OBJECT('b', 1, 'a', 2)", '{"a":2,"b":1}'),
        ("(SELECT JSON_OBJECT(k, 1, 'a', 2, k, 3) FROM UNNEST(['b']) AS k)", '{"a":2,"b":1}'),
        ("JSON_ARRAY(9223372036854775807, 1.0, 1e21)", "[9223372036854775807,1.0,1e+21]"),
        ("TO_JSON(NUMERIC '1.50')", "1.5"),
    ],
)
def test_json_that_is_made_from_values_is_in_its_normal_form(warehouse: Warehouse, made: str, stored: str) -> None:
    text = made if made.startswith("TO_JSON_STRING") else f"TO_JSON_STRING({made})"
    assert warehouse.value(f"SELECT {text}") == stored


def test_a_numeric_that_no_json_number_holds_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(BigQueryError, match="without a loss of precision"):
        warehouse.value("SELECT TO_JSON_STRING(TO_JSON(NUMERIC '12345678901234567.123456789'))")


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


@pytest.mark.parametrize(
    "members",
    [
        [],
        [("a", "1")],
        [("b", "2"), ("a", None), ("b", "1"), ("A", ",}")],
        [("a", "1"), ("a", "2")],
        [('q"\\', ":{"), ("é\n", ":["), ("1e400", "12345678901234567890.5")],
    ],
    ids=["none", "one", "unsorted and twice", "twice", "odd letters"],
)
def test_json_of_quoted_members_is_in_normal_form(warehouse: Warehouse, members: list[tuple[str, str | None]]) -> None:
    listed = ", ".join(f"({json.dumps(name)}, {json.dumps(value)})" for name, value in members)
    member = "CONCAT(TO_JSON_STRING(m.name), ':', TO_JSON_STRING(m.value))"
    sql = f"""
      CREATE TABLE members (name STRING, value STRING);
      {f"INSERT INTO members VALUES {listed};" if listed else ""}
      CREATE TABLE kept AS SELECT ARRAY(SELECT AS STRUCT m.name, m.value FROM members AS m) AS members"""
    warehouse.run(sql)
    made = f"(SELECT PARSE_JSON(CONCAT('{{', STRING_AGG({member}, ','), '}}')) FROM UNNEST(members) AS m)"
    stored = warehouse.value(f"SELECT TO_JSON_STRING({made}) FROM kept")
    first = dict(reversed(members))
    wanted = json.dumps({name: first[name] for name in sorted(first)}, ensure_ascii=False, separators=(",", ":"))
    assert stored == (wanted if members else "null")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("'[', TO_JSON_STRING('b'), ',', TO_JSON_STRING('a'), ']'", '["b","a"]'),
        ("'{', TO_JSON_STRING('b'), ':{},', TO_JSON_STRING('a'), ':', '[]}'", '{"a":[],"b":{}}'),
        ("'{', TO_JSON_STRING('a'), ':', TO_JSON_STRING('b'), ',}'", None),
        ("'{', TO_JSON_STRING('a'), '}'", None),
    ],
)
def test_json_of_quoted_text_is_checked(warehouse: Warehouse, text: str, answer: str | None) -> None:
    sql = f"SELECT TO_JSON_STRING(PARSE_JSON(CONCAT({text})))"
    if answer is not None:
        assert warehouse.value(sql) == answer
    else:
        with pytest.raises(BigQueryError, match="Invalid input"):
            warehouse.value(sql)
