"""Converts Arrow columns to a table's types: NUMERIC exactly, missing columns as NULL, structs field by field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.configuration.tables import Column
from shared.errors import StepRefused

pc: Any = _partly_typed  # its type stubs do not know that it accepts Python numbers too
NUMERIC = pa.decimal128(38, 9)
_USUAL = pa.decimal128(38, 18)  # wide enough for almost all numbers of bills, and four times as fast as _WIDE
_USUAL_MOST, _SHORT = 1e20, 20  # a number that _USUAL holds, and the length of a text that is always smaller
_WIDE = pa.decimal256(76, 38)  # wide enough for every float that NUMERIC does not round to 0
_VANISHES = 1e-20
_MOST = 1e29  # NUMERIC has 29 digits before the point
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")
_EXACT, _SMALLEST = Context(prec=38, rounding=ROUND_HALF_UP), Decimal("1e-9")
_SCALARS: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "INTEGER": pa.int64(),
    "FLOAT": pa.float64(),
    "NUMERIC": NUMERIC,
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "DATE": pa.date32(),
    "BYTES": pa.binary(),
}


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of a table's columns. All are nullable, because checks look for NULLs in staging."""
    return pa.schema([_arrow_field(column) for column in columns])


def _arrow_field(column: Column) -> pa.Field[Any]:
    kind = pa.struct([_arrow_field(item) for item in column.fields]) if column.fields else _SCALARS[column.type]
    return pa.field(column.name, pa.list_(kind) if column.mode == "REPEATED" else kind)


def conform(array: Any, wanted: pa.DataType, name: str) -> Any:
    """Convert `array` to the wanted type. A value that does not fit raises StepRefused, which names the column."""
    try:
        if pa.types.is_floating(wanted):
            return _numbers(pc.cast(array, wanted), name)
        return array if array.type == wanted and not _has_floats(wanted) else _converted(array, wanted, name)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        if wanted == NUMERIC:
            raise StepRefused(f"column {name} has a value that is no NUMERIC number") from error
        raise StepRefused(f"column {name}: {array.type} does not become {wanted}: {str(error)[:200]}") from error


def _numbers(floats: Any, name: str) -> Any:
    """The floats unchanged. It raises StepRefused if NUMERIC cannot hold one: later statements cast them to NUMERIC."""
    if not pc.all(pc.less(pc.abs(floats), _MOST), min_count=0).as_py():
        raise StepRefused(f"column {name} has a value that is no NUMERIC number")
    return floats


def _has_floats(kind: Any) -> bool:
    if pa.types.is_list(kind):
        return _has_floats(kind.value_type)
    if pa.types.is_struct(kind):
        return any(_has_floats(kind.field(number).type) for number in range(kind.num_fields))
    return pa.types.is_floating(kind)


def first_refused(array: Any, wanted: pa.DataType) -> int:
    """The index of the first value that cannot become the wanted type. There must be one."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            conform(array.slice(low, middle - low), wanted, "")
        except StepRefused:
            high = middle
        else:
            low = middle
    return low


def _converted(array: Any, wanted: pa.DataType, name: str) -> Any:
    if pa.types.is_struct(wanted):
        return _struct(array, wanted, name)
    if pa.types.is_list(wanted):
        values = conform(pc.list_flatten(array), wanted.value_type, name)
        return pa.ListArray.from_arrays(offsets(array), values)
    if wanted == NUMERIC:
        return to_numeric(array)
    return pc.cast(array, wanted)


def _struct(array: Any, wanted: Any, name: str) -> Any:
    if not pa.types.is_struct(array.type):
        raise pa.ArrowNotImplementedError("it has no fields")
    given = {field.name for field in array.type}
    children = [
        conform(pc.struct_field(array, [field.name]), field.type, f"{name}.{field.name}")
        if field.name in given
        else nulls(len(array), field.type)
        for field in wanted
    ]
    return pa.StructArray.from_arrays(children, fields=list(wanted), mask=pc.is_null(array))


def offsets(array: Any) -> Any:
    """The start and end of each list of an array among its flattened values."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cast(pc.cumulative_sum(lengths), pa.int32())])


def nulls(length: int, kind: pa.DataType) -> Any:
    """The values of a missing column: NULL, or empty lists if it is REPEATED."""
    if pa.types.is_list(kind):
        empty: Any = pa.array([], kind.value_type)
        return pa.ListArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), length + 1), empty)
    return _shared_nulls(kind, max(length - 1, 0).bit_length()).slice(0, length)


@lru_cache(maxsize=128)
def _shared_nulls(kind: pa.DataType, power: int) -> Any:
    """Two to this power NULLs. All batches share them, because most columns of a bill are empty."""
    of_any_type: Any = pa.nulls
    return of_any_type(1 << power, kind)


def to_numeric(array: Any) -> Any:
    """Convert numbers to NUMERIC, and round half away from 0 to nine decimal places.

    A text becomes the number that it spells. A float becomes the shortest decimal number that is read back as this
    float: 0.1 is 0.1, not its binary neighbour. CAST(... AS NUMERIC) of the provider's own number gives the same.
    """
    if pa.types.is_integer(array.type):
        return pc.cast(array, NUMERIC)
    if pa.types.is_decimal128(array.type):  # by a wider type, because Arrow does not notice if a product is too large
        return _rounded(pc.cast(array, pa.decimal256(76, max(array.type.scale, NUMERIC.scale))))
    texts = pc.cast(array, pa.string())
    if _is_below(array, texts, _USUAL_MOST):
        try:
            return _rounded(pc.cast(texts, _USUAL))
        except pa.ArrowInvalid:  # a value has more than 18 decimal places, or is no number
            pass
    elif not _is_below(array, texts, _MOST):
        return _spelled(texts)
    if not pa.types.is_floating(array.type):
        return _wide(texts)
    vanishes = pc.less(pc.abs(array), _VANISHES)
    return _rounded(pc.cast(pc.if_else(vanishes, "0", texts), _WIDE))


def _is_below(array: Any, texts: Any, most: float) -> bool:
    """Whether all values are smaller than a bound. Arrow does not notice if a text is too large for a decimal type."""
    if not pa.types.is_floating(array.type):
        longest = pc.max(pc.binary_length(texts)).as_py() or 0
        if longest <= _SHORT and not pc.any(pc.match_substring(texts, "e", ignore_case=True)).as_py():
            return True
        try:
            array = pc.cast(texts, pa.float64())
        except pa.ArrowInvalid:
            return False
    return bool(pc.all(pc.less(pc.abs(array), most), min_count=0).as_py())


def _wide(texts: Any) -> Any:
    try:
        return _rounded(pc.cast(texts, _WIDE))
    except pa.ArrowInvalid:  # more than 38 decimal places, or no number
        return _spelled(texts)


def _spelled(texts: Any) -> Any:
    """The numbers that the texts spell, however many decimal places these have."""
    return pa.array([None if text is None else _numeric(text) for text in texts.to_pylist()], NUMERIC)


def _numeric(text: str) -> Decimal:
    try:
        if _NUMBER.fullmatch(text):
            return Decimal(text).quantize(_SMALLEST, context=_EXACT)
    except InvalidOperation:  # too large
        pass
    raise pa.ArrowInvalid("no NUMERIC number")


def _rounded(exact: Any) -> Any:
    return pc.cast(pc.round(exact, ndigits=NUMERIC.scale, round_mode="half_towards_infinity"), NUMERIC)
