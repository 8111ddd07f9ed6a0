"""NUMERIC is exact to nine decimals, rounds half away from zero, and never overflows silently."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devcloud.bigquery.model import BigQueryError
from tests.support.devcloud.warehouse import Warehouse

_STEP = Decimal("1e-9")
_LIMIT = Decimal("99999999999999999999999999999.999999999")
_few = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def numerics(limit: str = "99999999999999999999999999999") -> st.SearchStrategy[Decimal]:
    """Values with nine decimals, made from text because Decimal's arithmetic would round them."""
    units = int(limit) * 10**9
    return st.integers(min_value=-units, max_value=units).map(lambda number: Decimal(f"{number}e-9"))


def rounded(value: Decimal, step: Decimal = _STEP) -> Decimal:
    return value.quantize(step, rounding=ROUND_HALF_UP)


def ask(shared_warehouse: Warehouse, sql: str, **values: Decimal) -> Decimal | None:
    try:
        answer: Decimal = shared_warehouse.value(
            sql, **{name: ("NUMERIC", f"{value:f}") for name, value in values.items()}
        )
    except BigQueryError as error:
        if error.reason != "invalidQuery":
            raise
        return None
    return answer


def expected(value: Decimal) -> Decimal | None:
    return rounded(value) if abs(rounded(value)) <= _LIMIT else None


@_few
@given(a=numerics(), b=numerics("1000000000000"))
def test_products_and_sums_are_exact_or_refused(shared_warehouse: Warehouse, a: Decimal, b: Decimal) -> None:
    with localcontext() as context:
        context.prec = 100
        assert ask(shared_warehouse, "SELECT @a * @b", a=a, b=b) == expected(a * b)
        assert ask(shared_warehouse, "SELECT @a + @b", a=a, b=b) == expected(a + b)
        assert ask(shared_warehouse, "SELECT @a - @b", a=a, b=b) == expected(a - b)


@_few
@given(a=numerics(), b=numerics("100000000000000000000").filter(bool))
def test_quotients_are_rounded_half_away_from_zero(shared_warehouse: Warehouse, a: Decimal, b: Decimal) -> None:
    with localcontext() as context:
        context.prec = 100
        assert ask(shared_warehouse, "SELECT @a / @b", a=a, b=b) == expected(a / b)


def test_small_numbers_are_exact_beside_a_half(shared_warehouse: Warehouse) -> None:
    billionths = [1, 3, 7, 499_999_999, 1_000_000_001, 123_456_789_012_345, 999_999_999_999_999_999]
    factors = [Decimal(f"{number}e-9") for number in billionths]
    halves = [Decimal(text) for text in ("0.5", "-1.5", "0.000000002", "250000", "999999999.999999999")]
    with localcontext() as context:
        context.prec = 100
        pairs = [(a, b) for a in factors for b in halves]
        # What is divided is a quotient that ends in half a billionth, and its neighbours.
        ties = [(number + _STEP / 2) * 2 * divisor for number in factors for divisor in (1, -3, 1000)]
        pairs += [(tie + step, Decimal(divisor)) for tie in ties for step in (-_STEP, 0, _STEP) for divisor in (2, -6)]
        wanted = [(rounded(a * b), rounded(a / b)) for a, b in pairs]
    listed = ", ".join(f"STRUCT(NUMERIC '{a:f}' AS a, NUMERIC '{b:f}' AS b)" for a, b in pairs)
    sql = f"SELECT a * b, a / b FROM UNNEST([{listed}]) WITH OFFSET AS at ORDER BY at"
    assert shared_warehouse.rows(sql) == wanted


@_few
@given(values=st.lists(numerics("1000000000000"), min_size=1, max_size=9))
def test_averages_are_exact(shared_warehouse: Warehouse, values: list[Decimal]) -> None:
    with localcontext() as context:
        context.prec = 100
        average = rounded(sum(values, Decimal()) / len(values))
    rows = ("ARRAY<NUMERIC>", [f"{value:f}" for value in values])
    assert shared_warehouse.value("SELECT AVG(x) FROM UNNEST(@rows) AS x", rows=rows) == average


@_few
@given(a=numerics("1000000000000"), digits=st.integers(min_value=-6, max_value=10))
def test_round_goes_half_away_from_zero(shared_warehouse: Warehouse, a: Decimal, digits: int) -> None:
    with localcontext() as context:
        context.prec = 100
        wanted = a if digits >= 9 else rounded(a, Decimal(1).scaleb(-digits))
    assert ask(shared_warehouse, f"SELECT ROUND(@a, {digits})", a=a) == wanted


@given(
    values=st.lists(
        st.floats(min_value=-1e28, max_value=1e28)
        | st.integers(min_value=-(10**6), max_value=10**6).map(lambda halves: halves * 0.5e-9)
        | st.integers(min_value=-(10**18), max_value=10**18).map(lambda billionths: billionths / 1e9),
        min_size=20,
        max_size=60,
    )
)
@_few
def test_floats_become_numeric_as_the_binary_number_they_are(shared_warehouse: Warehouse, values: list[float]) -> None:
    with localcontext() as context:
        context.prec = 100
        wanted = [rounded(Decimal(value)) for value in values]
    sql = "SELECT ARRAY(SELECT CAST(x AS NUMERIC) FROM UNNEST(@values) AS x WITH OFFSET AS at ORDER BY at)"
    assert shared_warehouse.value(sql, values=("ARRAY<FLOAT64>", [repr(value) for value in values])) == wanted


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT CAST('0.0000000005' AS NUMERIC)", "0.000000001"),
        ("SELECT CAST(1e20 AS NUMERIC)", "100000000000000000000"),
        ("SELECT NUMERIC '1' / 3", "0.333333333"),
        ("SELECT NUMERIC '1.1' * 1.5", "1.65"),
        ("SELECT SUM(x) FROM UNNEST([NUMERIC '0.1', NUMERIC '0.2']) AS x", "0.3"),
        ("SELECT IF(TRUE, NUMERIC '1.5', 0)", "1.5"),
    ],
)
def test_numeric_stays_numeric(warehouse: Warehouse, sql: str, answer: str) -> None:
    assert warehouse.value(sql) == Decimal(answer)
    assert warehouse.run(sql).schema[0]["type"] == "NUMERIC"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT NUMERIC '99999999999999999999999999999' * 2",
        "SELECT NUMERIC '99999999999999999999999999999' + NUMERIC '1'",
        "SELECT NUMERIC '1' / 0",
        "SELECT CAST('x' AS NUMERIC)",
        "SELECT SUM(x) FROM UNNEST([NUMERIC '99999999999999999999999999999', 1]) AS x",
        "SELECT 9223372036854775807 + 1",
        "SELECT SUM(x) FROM UNNEST([9223372036854775807, 1]) AS x",
    ],
)
def test_overflow_and_division_by_zero_are_errors(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(BigQueryError) as caught:
        warehouse.run(sql)
    assert (caught.value.reason, caught.value.status, caught.value.location) == ("invalidQuery", 400, "query")


def test_numeric_columns_keep_nine_decimals(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (n NUMERIC); INSERT INTO t VALUES (123.456789012), (NUMERIC '0.000000001')")
    assert warehouse.rows("SELECT n FROM t ORDER BY n") == [(Decimal("0.000000001"),), (Decimal("123.456789012"),)]
    assert warehouse.value("SELECT AVG(n) FROM t WHERE FALSE") is None
