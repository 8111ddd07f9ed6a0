"""Literals have GoogleSQL's meaning: bytes, escapes, and BigQuery's names of types."""

from __future__ import annotations

import pytest

from devcloud.bigquery.model import BigQueryError
from tests.support.devcloud.warehouse import Warehouse


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r"b'\xff'", b"\xff"),
        (r"b'\303\251'", b"\xc3\xa9"),
        ("b'é'", "é".encode()),
        (r"B'\200\x00'", b"\x80\x00"),
        (r'b"\n\\\"\?"', b'\n\\"?'),
        (r"rb'\xff'", b"\\xff"),
        (r'BR"a\n"', b"a\\n"),
        ("b'''a\nb'''", b"a\nb"),
    ],
)
def test_a_bytes_literal_is_stored_as_the_bytes_that_it_names(warehouse: Warehouse, literal: str, value: bytes) -> None:
    assert warehouse.value(f"SELECT {literal}") == value
    warehouse.run("CREATE TABLE kept (value BYTES)")
    warehouse.run(f"INSERT INTO kept VALUES ({literal})")
    assert warehouse.rows("SELECT TO_HEX(value), LENGTH(value) FROM kept") == [(value.hex(), len(value))]
    assert warehouse.value(f"SELECT {literal} = FROM_HEX('{value.hex()}')") is True


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r"'\a\b\f\n\r\t\v\\\?\"\'\`'", "\a\b\f\n\r\t\v\\?\"'`"),
        (r"'\x41\X42\103\u0044\U00000045'", "ABCDE"),
        (r"r'\z\''", r"\z\'"),
        ("'''a\r\nb'''", "a\nb"),
        (r"'\ué'".replace(r"\u", r"\u00e9"), "éé"),
    ],
)
def test_string_literal_accepts_googlesqls_escapes(warehouse: Warehouse, literal: str, value: str) -> None:
    assert warehouse.value(f"SELECT {literal}") == value


@pytest.mark.parametrize(
    ("literal", "what"),
    [
        (r"'\z'", r"Illegal escape sequence: \z"),
        (r"b'\z'", r"Illegal escape sequence: \z"),
        (r"'\400'", r"Illegal escape sequence: \4"),
        (r"'\x4'", r"Illegal escape sequence: \x"),
        (r"'\ud800'", r"Unicode value \ud800 is invalid"),
        (r"b'\u00e9'", r"Unicode escape sequence \u cannot be used in bytes literals"),
        ("'a\nb'", "Unclosed string literal"),
    ],
)
def test_a_literal_with_an_escape_that_googlesql_lacks_is_refused(
    warehouse: Warehouse, literal: str, what: str
) -> None:
    with pytest.raises(BigQueryError, match="Syntax error") as refused:
        warehouse.value(f"SELECT {literal}")
    assert what in refused.value.message


@pytest.mark.parametrize("name", ["VARCHAR", "TEXT", "FLOAT", "DOUBLE", "REAL", "CHAR", "INT32"])
def test_a_type_of_another_database_does_not_exist_and_its_name_may_name_a_column(
    warehouse: Warehouse, name: str
) -> None:
    with pytest.raises(BigQueryError, match=f"Type not found: {name}"):
        warehouse.value(f"SELECT CAST('1' AS {name})")
    assert warehouse.value(f"SELECT {name} FROM (SELECT 1 AS {name})") == 1


def test_double_colon_is_not_a_cast(warehouse: Warehouse) -> None:
    with pytest.raises(BigQueryError, match='Syntax error: Unexpected ":"'):
        warehouse.value("SELECT '1'::INT64")


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ('{"b": 1, "a": {"z": 1, "y": [2]}, "b": 3}', '{"a":{"y":[2],"z":1},"b":1}'),
        ("1e3", "1000.0"),
        ("-0", "0"),
        ("18446744073709551615", "18446744073709551615"),
    ],
)
def test_json_literal_is_kept_as_bigquery_keeps_it(warehouse: Warehouse, document: str, value: str) -> None:
    assert warehouse.value(f"SELECT JSON '{document}'") == value
    assert warehouse.value(f"SELECT TO_JSON_STRING(PARSE_JSON('{document}'))") == value


def test_json_number_that_overflows_is_refused(warehouse: Warehouse) -> None:
    for sql in ("JSON '[-1e400]'", "PARSE_JSON('1e400')", "PARSE_JSON(CONCAT('[1e', '400]'))"):
        with pytest.raises(BigQueryError, match="number overflow"):
            warehouse.value(f"SELECT {sql}")
    assert warehouse.value("SELECT PARSE_JSON(CONCAT('[\"1e', '400\"]'))") == '["1e400"]'
