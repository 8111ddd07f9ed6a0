"""A bound expression: its DuckDB text and GoogleSQL type, and the coercions between types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from devcloud.bigquery.model import invalid_query
from devcloud.bigquery.sql import literals
from devcloud.bigquery.types import FLOAT64, INT64, NUMERIC, SqlType, array_of, quoted, struct_of

# The types that a type coerces to, nearest first; see docs/reference/standard-sql/conversion_rules.
_COERCIONS = {"INT64": ("FLOAT64", "NUMERIC"), "NUMERIC": ("FLOAT64",), "DATE": ("DATETIME",)}
_LITERAL_COERCIONS = {
    "STRING": ("DATE", "TIME", "DATETIME", "TIMESTAMP", "BYTES"),
    "FLOAT64": ("NUMERIC",),
}
_PARAMETER_COERCIONS = {"STRING": ("DATE", "TIME", "DATETIME", "TIMESTAMP")}
_RANKED = (INT64, NUMERIC, FLOAT64)


@dataclass(frozen=True)
class Typed:
    """A bound expression. `literal` marks literals and parameters, which coerce to more types; `value` is their value.

    `parts` are the fields of a struct that the expression makes. Reading a field then uses the part instead of the
    struct. `chosen` has the condition and the x of `IF(condition, x, NULL)`. `fails` marks ERROR(), which takes any
    type, as NULL does. `is_json` marks text from a document whose numbers were checked. `never_null` marks an array
    that is never NULL. `is_quoted` marks text that has only JSON strings, null and JSON's punctuation.
    """

    sql: str
    type: SqlType
    literal: bool = False
    value: Any = None
    null: bool = False
    parameter: bool = False
    name: str = ""
    parts: tuple[str, ...] = ()
    chosen: tuple[str, str] | None = None
    fails: bool = False
    is_json: bool = False
    never_null: bool = False
    is_quoted: bool = False

    def named(self, name: str) -> Typed:
        """The same expression under another implied column name."""
        return replace(self, name=name)


def are_quoted(texts: Iterable[Typed]) -> bool:
    """Whether these texts, one after the other, are JSON strings, null and JSON's punctuation, without spaces."""
    return all(text.is_quoted or (isinstance(text.value, str) and set(text.value) <= set("{}[]:,")) for text in texts)


def built(kind: SqlType, parts: Sequence[str], *, literal: bool = False) -> Typed:
    """A struct of that type from the texts of its fields."""
    fields = ", ".join(f"{name} := {part}" for name, part in zip(quoted_names(kind), parts, strict=True))
    return Typed(f"struct_pack({fields})", kind, literal=literal, parts=tuple(parts))


def null_of(kind: SqlType) -> Typed:
    """A NULL of that type."""
    return Typed(f"CAST(NULL AS {kind.duckdb})", kind, literal=True, null=True)


def empty_array(kind: SqlType) -> Typed:
    """[] of that type, which coerces to any other array."""
    return Typed(f"CAST([] AS {kind.duckdb})", kind, literal=True, null=True, value=())


def coercion_distance(expression: Typed, target: SqlType) -> int | None:
    """The distance of the expression's type from `target` by implicit coercion; None if it does not coerce."""
    source = expression.type
    if source == target:
        return 0
    if expression.null:
        return 1 if expression.value != () or target.element is not None else None
    if source.element is not None and target.element is not None:
        return _array_distance(expression, target)
    if source.kind == "STRUCT" and target.kind == "STRUCT":
        return _struct_distance(expression, target)
    reachable = _COERCIONS.get(source.kind, ())
    if expression.literal:
        reachable += (_PARAMETER_COERCIONS if expression.parameter else _LITERAL_COERCIONS).get(source.kind, ())
    return reachable.index(target.kind) + 1 if target.kind in reachable else None


def _array_distance(expression: Typed, target: SqlType) -> int | None:
    """Only literal arrays coerce, element by element."""
    assert expression.type.element is not None  # noqa: S101
    assert target.element is not None  # noqa: S101
    if not expression.literal:
        return 1 if same_shape(expression.type, target) else None
    return coercion_distance(_part(expression, expression.type.element), target.element)


def _struct_distance(expression: Typed, target: SqlType) -> int | None:
    if len(expression.type.fields) != len(target.fields):
        return None
    pairs = zip(expression.type.fields, target.fields, strict=True)
    distances = [coercion_distance(_part(expression, a), b) for (_, a), (_, b) in pairs]
    return None if None in distances else 1 + max((d for d in distances if d is not None), default=0)


def _part(whole: Typed, kind: SqlType) -> Typed:
    """An element or field of that type; it counts as a literal if the whole does."""
    return Typed("", kind, literal=whole.literal, parameter=whole.parameter)


def same_shape(left: SqlType, right: SqlType) -> bool:
    """Whether the types differ at most in the names of struct fields."""
    if left.element is not None and right.element is not None:
        return same_shape(left.element, right.element)
    if left.kind == right.kind == "STRUCT" and len(left.fields) == len(right.fields):
        return all(same_shape(a, b) for (_, a), (_, b) in zip(left.fields, right.fields, strict=True))
    return left == right


def coerce(expression: Typed, target: SqlType) -> Typed | None:
    """The expression as `target` by implicit coercion, or None."""
    if expression.type == target:
        return expression
    if coercion_distance(expression, target) is None:
        return None
    if expression.null:
        return _null_as(expression, target)
    if isinstance(expression.value, str) and target.kind in literals.PARSERS:
        return Typed(literals.from_text(expression.value, target), target, literal=True)
    if expression.value is not None and target == NUMERIC:
        return Typed(f"CAST('{expression.value}' AS DECIMAL(38,9))", NUMERIC, literal=True, value=expression.value)
    return _converted(expression, target)


def _null_as(expression: Typed, target: SqlType) -> Typed:
    if expression.fails:
        return replace(expression, type=target)
    return empty_array(target) if expression.value == () else null_of(target)


def _converted(expression: Typed, target: SqlType) -> Typed:
    if expression.parts:
        fields = zip(expression.parts, expression.type.fields, target.fields, strict=True)
        return built(target, [convert(part, a, b) for part, (_, a), (_, b) in fields], literal=expression.literal)
    text = convert(expression.sql, expression.type, target)
    return Typed(text, target, literal=expression.literal, parameter=expression.parameter)


def convert(sql: str, source: SqlType, target: SqlType) -> str:
    """The DuckDB text that converts a value from `source` to `target`, for types that coerce."""
    if source == target:
        return sql
    if source.kind == target.kind == "STRUCT":
        names = quoted_names(source)
        pairs = zip(quoted_names(target), names, source.fields, target.fields, strict=True)
        parts = (f"{new} := {convert(f'({sql}).{old}', a, b)}" for new, old, (_, a), (_, b) in pairs)
        return f"CASE WHEN ({sql}) IS NULL THEN NULL ELSE struct_pack({', '.join(parts)}) END"
    if source.element is not None and target.element is not None:
        return f"list_transform({sql}, lambda x: {convert('x', source.element, target.element)})"
    if source.kind == "STRING":
        return f"encode({sql})" if target.kind == "BYTES" else f"bq_text_to_{target.kind.lower()}({sql})"
    if source.kind == "FLOAT64" and target.kind == "NUMERIC":
        return f"bq_float_to_numeric({sql})"
    return f"CAST({sql} AS {target.duckdb})"


def quoted_names(kind: SqlType) -> list[str]:
    """The quoted DuckDB names of a struct's fields."""
    from devcloud.bigquery.types import unique_names

    return [quoted(name) for name in unique_names([name for name, _ in kind.fields])]


def require(expression: Typed, target: SqlType, what: str) -> Typed:
    """The expression as `target`; raises BigQuery's error about `what` if it does not coerce."""
    coerced = coerce(expression, target)
    if coerced is None:
        raise invalid_query(f"{what} has type {expression.type} which cannot be coerced to type {target}")
    return coerced


def supertype(expressions: Sequence[Typed]) -> SqlType | None:
    """The type to which all expressions coerce, where literals adapt to the others; None if there is none."""
    firm = [e for e in expressions if not e.literal]
    candidates = _candidates(firm or [e for e in expressions if not e.null]) or [e.type for e in expressions[:1]]
    for candidate in [*candidates, *_candidates([e for e in expressions if not e.null])]:
        if all(coercion_distance(e, candidate) is not None for e in expressions):
            return candidate
    return _struct_supertype(expressions)


def _candidates(expressions: Sequence[Typed]) -> list[SqlType]:
    types = list(dict.fromkeys(e.type for e in expressions))
    if types and all(kind.is_numeric for kind in types):
        lowest = max(_RANKED.index(kind) for kind in types)
        return list(_RANKED[lowest:])
    if {kind.kind for kind in types} == {"DATE", "DATETIME"}:
        return [kind for kind in types if kind.kind == "DATETIME"]
    return types


def _struct_supertype(expressions: Sequence[Typed]) -> SqlType | None:
    shapes = [e.type for e in expressions if not e.null]
    if not shapes or any(kind.kind != "STRUCT" or len(kind.fields) != len(shapes[0].fields) for kind in shapes):
        return None
    literal = all(e.literal for e in expressions)
    fields = []
    for position, (name, _) in enumerate(shapes[0].fields):
        found = supertype([Typed("", kind.fields[position][1], literal=literal) for kind in shapes])
        if found is None:
            return None
        fields.append((name, found))
    return struct_of(fields)


def unify(expressions: Iterable[Typed], what: str) -> tuple[list[Typed], SqlType]:
    """All expressions as their common supertype; raises invalidQuery naming `what`."""
    given = list(expressions)
    common = supertype(given)
    coerced = [coerce(e, common) for e in given] if common else []
    if common is None or None in coerced:
        kinds = ", ".join(str(e.type) for e in given)
        raise invalid_query(f"No matching signature for {what} for argument types: {kinds}")
    return [e for e in coerced if e is not None], common


def array_literal(expressions: Sequence[Typed]) -> Typed:
    """[a, b, c] of the elements' supertype."""
    if not expressions:
        return empty_array(array_of(INT64))
    elements, common = unify(expressions, "array element")
    kind = array_of(common)
    literal = all(e.literal for e in expressions)
    return Typed(f"CAST([{', '.join(e.sql for e in elements)}] AS {kind.duckdb})", kind, literal=literal)
