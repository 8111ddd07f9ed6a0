"""Conversion of Arrow columns to a table's types: exact money, missing fields as NULL, no loop over rows."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.configuration.tables import get_table
from shared.connectors.arrow_types import NUMERIC, arrow_schema, conform, first_refused, to_numeric
from shared.errors import StepRefused

EXACT = Context(prec=80, rounding=ROUND_HALF_UP)
NANO = Decimal("1e-9")
MONEY = st.floats(min_value=-1e28, max_value=1e28, allow_nan=False)


def numeric(value: float | None) -> Decimal | None:
    """The NUMERIC to which BigQuery casts the number as it is written."""
    return None if value is None else Decimal(repr(value)).quantize(NANO, context=EXACT)


@given(st.lists(st.one_of(st.none(), MONEY), max_size=20))
def test_a_float_becomes_the_numeric_of_its_shortest_text(values: list[float | None]) -> None:
    assert to_numeric(pa.array(values, pa.float64())).to_pylist() == [numeric(value) for value in values]


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=9))
def test_money_with_up_to_nine_places_keeps_every_digit(amount: Decimal) -> None:
    assert to_numeric(pa.array([float(amount)])).to_pylist() == [amount]


@pytest.mark.parametrize("value", [5e-10, -5e-10, 1.5e-9, 1e-300, 5e-324, 0.1, -0.0, 1e22])
def test_halves_are_rounded_away_from_zero(value: float) -> None:
    assert to_numeric(pa.array([value])).to_pylist() == [numeric(value)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
def test_a_value_that_is_no_numeric_is_refused_by_column(value: float) -> None:
    with pytest.raises(StepRefused, match="column cost"):
        conform(pa.array([value]), NUMERIC, "cost")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize("kind", [pa.float64(), pa.struct([("amount", pa.float64())])], ids=["column", "field"])
def test_a_float_that_is_no_numeric_is_refused_with_its_place(value: float, kind: Any) -> None:
    is_field = pa.types.is_struct(kind)
    floats: list[float | None] = [1.0, None, 2.0, value, 3.0, value]
    array = pa.array([{"amount": each} for each in floats] if is_field else floats, kind)
    with pytest.raises(StepRefused, match=r"column usage\.amount has a value" if is_field else "column usage has"):
        conform(array, kind, "usage")
    assert first_refused(array, kind) == 3
    assert conform(array.slice(0, 3), kind, "usage") == array.slice(0, 3)
    assert conform(array.slice(0, 0), kind, "usage") == array.slice(0, 0)


@pytest.mark.parametrize("given_values", [[b"x"], [1], [["a"]], [{"a": 1}]], ids=["bytes", "number", "list", "struct"])
def test_a_column_of_any_type_is_converted_or_refused_by_name(given_values: list[Any]) -> None:
    for field in arrow_schema(get_table("tenant_dataset", "gcp_cost_billing").columns):
        try:
            assert conform(pa.array(given_values), field.type, field.name).type == field.type
        except StepRefused as error:
            assert f"column {field.name}" in error.message  # noqa: PT017 - most are refused, text takes most of them


@given(st.lists(st.decimals(min_value=-(10**20), max_value=10**20, places=15), max_size=10))
def test_longer_decimals_are_rounded_as_bigquery_does(values: list[Decimal]) -> None:
    found = to_numeric(pa.array(values, pa.decimal128(38, 15))).to_pylist()
    assert found == [value.quantize(NANO, context=EXACT) for value in values]


NUMERIC_MOST = Decimal(10) ** 29


@given(st.lists(st.tuples(st.integers(-(10**17), 10**17), st.integers(-45, 45), st.booleans()), min_size=1, max_size=4))
def test_a_text_becomes_its_number_or_is_refused(parts: list[tuple[int, int, bool]]) -> None:
    numbers = [Decimal(digits).scaleb(exponent) for digits, exponent, _ in parts]
    texts = [f"{number:e}" if short else f"{number:f}" for number, (_, _, short) in zip(numbers, parts, strict=True)]
    wanted = [number.quantize(NANO, context=Context(prec=120, rounding=ROUND_HALF_UP)) for number in numbers]
    if all(abs(number) < NUMERIC_MOST for number in wanted):
        assert to_numeric(pa.array(texts)).to_pylist() == wanted
    else:
        with pytest.raises(StepRefused, match="column cost"):
            conform(pa.array(texts), NUMERIC, "cost")


# Arrow multiplies these by 10 to the power of nine and does not notice that the product is too large.
@pytest.mark.parametrize("digits", [691944779697715, 5923540230673541532087983568])
@pytest.mark.parametrize(
    "kind", [pa.string(), pa.float64(), pa.decimal128(38, 0), pa.decimal256(60, 0), pa.decimal256(76, 0)], ids=str
)
def test_a_number_that_is_too_large_does_not_become_another(digits: int, kind: Any) -> None:
    number = digits * 10 ** (30 - len(str(digits)))
    value = (
        str(number) if pa.types.is_string(kind) else float(number) if pa.types.is_floating(kind) else Decimal(number)
    )
    with pytest.raises(StepRefused, match="column cost"):
        conform(pa.array([value], kind), NUMERIC, "cost")
    assert conform(pa.array([value], kind).slice(1), NUMERIC, "cost").to_pylist() == []


CREDITS = st.one_of(
    st.none(),
    st.lists(st.one_of(st.none(), st.fixed_dictionaries({"name": st.text(max_size=3), "amount": MONEY})), max_size=3),
)


@given(rows=st.lists(CREDITS, max_size=8), skipped=st.integers(min_value=0, max_value=3))
def test_lists_of_structs_keep_their_rows_in_a_sliced_batch(rows: list[Any], skipped: int) -> None:
    given_type = pa.list_(pa.struct([("name", pa.string()), ("amount", pa.float64())]))
    wanted = pa.list_(pa.struct([("amount", NUMERIC), ("name", pa.string()), ("full_name", pa.string())]))
    found = conform(pa.array(rows, given_type).slice(skipped), wanted, "credits")
    found.validate(full=True)
    assert found.to_pylist() == [
        [item and {"amount": numeric(item["amount"]), "name": item["name"], "full_name": None} for item in row or []]
        for row in rows[skipped:]
    ]


def test_a_missing_struct_stays_missing_and_its_lists_are_empty() -> None:
    wanted = pa.struct([("id", pa.string()), ("labels", pa.list_(pa.string()))])
    found = conform(pa.array([{"id": "a"}, None]), wanted, "project")
    assert found.to_pylist() == [{"id": "a", "labels": []}, None]


def test_the_arrow_schema_follows_the_table() -> None:
    columns = get_table("tenant_dataset", "gcp_cost_billing").columns
    schema = arrow_schema(columns)
    assert schema.names == [column.name for column in columns]
    assert schema.field("cost").type == NUMERIC
    assert schema.field("usage").type.field("amount").type == pa.float64()
    assert schema.field("credits").type.value_type.field("amount").type == NUMERIC


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0." + "1" * 40, "0.111111111"),
        ("-0." + "9" * 60, "-1"),
        ("1234567890123456789." + "5" * 40, "1234567890123456789.555555556"),
        ("1e-400", "0"),
        ("0." + "0" * 9 + "4" + "9" * 40, "0"),
        ("0." + "0" * 8 + "05" + "0" * 40, "0.000000001"),
        ("9" * 29 + "." + "9" * 9, "9" * 29 + "." + "9" * 9),
        ("0" * 50 + "7.5", "7.5"),
        ("+1.5e2", "150"),
        (".5", "0.5"),
    ],
)
def test_a_text_of_any_length_becomes_the_number_that_it_spells(text: str, number: str) -> None:
    assert to_numeric(pa.array([text, None, "1"])).to_pylist() == [Decimal(number), None, Decimal(1)]


@pytest.mark.parametrize(
    "text",
    ["", " ", "1,5", "NaN", "Infinity", "-inf", "0x10", "1_000", "\u0661", "\u22121", "$1", "null", "1e", "1" * 30,
     "1e99999", "1e999999999", "9" * 29 + ".9999999999", "--1", "1.2.3"],
)  # fmt: skip
def test_a_text_that_spells_no_numeric_is_refused_by_column(text: str) -> None:
    with pytest.raises(StepRefused, match=r"^column cost has a value that is no NUMERIC number$"):
        conform(pa.array(["1", text]), NUMERIC, "cost")
