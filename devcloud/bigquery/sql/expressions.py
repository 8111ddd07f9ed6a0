"""Rules for literals, names, fields, parameters and conditional expressions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import CALLS, Binder, expression
from devcloud.bigquery.sql.context import NOW
from devcloud.bigquery.sql.literals import quote_text
from devcloud.bigquery.sql.registry import call
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed, built, quoted_names, unify
from devcloud.bigquery.types import (
    INT64,
    JSON,
    STRING,
    TIMESTAMP,
    struct_of,
)


@expression(exp.Paren)
def bind_parentheses(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """(x)."""
    return binder.expr(node.this, scope)


@expression(exp.Alias)
def bind_alias(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """`x AS name`, where a name is allowed."""
    return binder.expr(node.this, scope).named(node.alias)


@expression(exp.Parameter)
def bind_parameter(binder: Binder, node: exp.Expr, _: Scope) -> Typed:
    """@name and @@system_variable."""
    if isinstance(node.this, exp.Parameter):
        name = node.this.name.lower()
        if name != "row_count":
            raise not_implemented(f"the system variable @@{name}")
        return Typed(binder.context.system("row_count", INT64), INT64)
    sql, kind = binder.context.parameter(node.name)
    return Typed(sql, kind, literal=True, parameter=True)


@expression(exp.Placeholder)
def bind_placeholder(binder: Binder, _: exp.Expr, __: Scope) -> Typed:
    """?."""
    sql, kind = binder.context.next_positional()
    return Typed(sql, kind, literal=True, parameter=True)


# Names ------------------------------------------------------------------------------------------------------------


@expression(exp.Column)
def bind_column(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """A path: a column or range variable, then fields."""
    assert isinstance(node, exp.Column)  # noqa: S101
    names = [part.name for part in node.parts]
    if isinstance(node.this, exp.Star):
        raise invalid_query("Star is not allowed here")
    found, used = _find(binder, names, scope)
    if found is None:
        raise invalid_query(f"Unrecognized name: {names[0]}{position(node.parts[0])}")
    for name in names[used:]:
        found = field_of(found, name)
    return found.named(names[-1])


def _find(binder: Binder, names: list[str], scope: Scope) -> tuple[Typed | None, int]:
    at: Scope | None = scope
    while at is not None:
        found = _find_here(names, at)
        if found is not None:
            return found
        at = at.parent
    variable = binder.context.variable(names[0])
    if variable is not None:
        return Typed(variable[0], variable[1], literal=False), 1
    return None, 0


def _find_here(names: list[str], scope: Scope) -> tuple[Typed, int] | None:
    alias = scope.aliases.get(names[0].lower())
    if alias is not None and not scope.in_aggregate:
        return alias, 1
    source = scope.find_source(names[0])
    if source is not None:
        if len(names) > 1 and source.value is None:
            column = source.find(names[1])
            if column is None:
                raise invalid_query(f"Name {names[1]} not found inside {names[0]}")
            return Typed(column.sql, column.type), 2
        return source.row(), 1
    column = scope.find_column(names[0])
    if column is not None:
        return Typed(column.sql, column.type), 1
    return (alias, 1) if alias is not None else None


def position(node: exp.Expr) -> str:
    """The text ` at [line:column]`, if the parser knows the position."""
    line, end = node.meta.get("line"), node.meta.get("col")
    return f" at [{line}:{end - len(node.name) + 1}]" if line and end else ""


@expression(exp.Dot)
def bind_dot(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """`expression.field`."""
    if isinstance(node.expression, exp.Anonymous):
        raise not_implemented(f"the function {node.sql('bigquery')[:60]}")
    return field_of(binder.expr(node.this, scope), node.expression.name).named(node.expression.name)


def field_of(value: Typed, name: str) -> Typed:
    """A struct's field, or a member of a JSON object."""
    if value.type == JSON:
        return Typed(f"bq_json_member({value.sql}, {quote_text(name)})", JSON)
    if value.type.kind != "STRUCT":
        raise invalid_query(f"Cannot access field {name} on a value with type {value.type}")
    parts = value.parts or [f"({value.sql}).{quoted_name}" for quoted_name in quoted_names(value.type)]
    for part, (known, kind) in zip(parts, value.type.fields, strict=True):
        if known.lower() == name.lower():
            return Typed(part, kind)
    raise invalid_query(f"Field name {name} does not exist in {value.type}")


@expression(exp.Bracket)
def bind_subscript(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """array[OFFSET(i)] and its kin, json['key'], json[i]."""
    value, index = binder.expr(node.this, scope), binder.expr(node.expressions[0], scope)
    if value.type == JSON:
        member = "bq_json_member" if index.type == STRING else "bq_json_element"
        return Typed(f"{member}({value.sql}, {index.sql})", JSON)
    if value.type.element is None:
        raise invalid_query(f"Subscript access is not supported on type {value.type}")
    if index.type != INT64:
        raise invalid_query(f"Array position must be coercible to type INT64, but has type {index.type}")
    safe = "safe" if node.args.get("safe") else "strict"
    base = node.args.get("offset") or 0
    return Typed(f"bq_element_{safe}({value.sql}, {index.sql} - {base})", value.type.element)


# Constructors -----------------------------------------------------------------------------------------------------


def make_struct(members: list[Typed]) -> Typed:
    """STRUCT of bound members, with their names."""
    kind = struct_of([(member.name, member.type) for member in members])
    return built(kind, [member.sql for member in members], literal=all(member.literal for member in members))


@expression(exp.Tuple)
def bind_tuple(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """(a, b): a struct without names."""
    return make_struct([binder.expr(item, scope).named("") for item in node.expressions])


@expression(exp.Struct)
def bind_struct(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """The values inside a typed STRUCT<...>(...)."""
    return make_struct([binder.expr(item, scope) for item in node.expressions])


# Conditions -------------------------------------------------------------------------------------------------------


@expression(exp.If)
def bind_if(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """IF(condition, a, b)."""
    condition = binder.condition(node.this, scope, "IF condition")
    if node.args.get("false") is None:
        raise invalid_query("No matching signature for function IF")
    (yes, no), kind = unify(
        [binder.expr(node.args["true"], scope), binder.expr(node.args["false"], scope)], "function IF"
    )
    chosen = (condition, yes.sql) if no.null else None
    return Typed(f"CASE WHEN {condition} THEN {yes.sql} ELSE {no.sql} END", kind, chosen=chosen)


@expression(exp.Case)
def bind_case(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """CASE with or without an operand."""
    tests = [_test(binder, node.this, branch.this, scope) for branch in node.args["ifs"]]
    results = [binder.expr(branch.args["true"], scope) for branch in node.args["ifs"]]
    default = node.args.get("default")
    results.append(binder.expr(default or exp.Null(), scope))
    values, kind = unify(results, "operator CASE")
    whens = " ".join(f"WHEN {test} THEN {value.sql}" for test, value in zip(tests, values[:-1], strict=True))
    return Typed(f"CASE {whens} ELSE {values[-1].sql} END", kind)


def _test(binder: Binder, operand: exp.Expr | None, node: exp.Expr, scope: Scope) -> str:
    if operand is None:
        return binder.condition(node, scope, "CASE condition")
    return call("=", [binder.expr(operand, scope), binder.expr(node, scope)], what="operator CASE").sql


@contextmanager
def as_signature(name: str, node: exp.Expr) -> Iterator[None]:
    """Raises BigQuery's "no matching signature" if a rule cannot unpack the number of arguments."""
    try:
        yield
    except (IndexError, ValueError) as error:
        what = f"No matching signature for function {name}: {len(node.expressions)} arguments"
        raise invalid_query(what) from error


# Calls ------------------------------------------------------------------------------------------------------------


@expression(exp.Anonymous)
def bind_call(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """A function call, by its special rule or by its signatures."""
    assert isinstance(node, exp.Anonymous)  # noqa: S101
    name = str(node.this if isinstance(node.this, str) else node.this.name).upper()
    if name in CALLS:
        with as_signature(name, node):
            return CALLS[name](binder, node, scope)
    return call(name, [binder.expr(argument, scope) for argument in node.expressions])


@expression(exp.SafeFunc)
def bind_safe(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """SAFE.function(...): NULL instead of an error."""
    inner = binder.expr(node.this, scope)
    return Typed(f"TRY({inner.sql})", inner.type)


_CURRENT: dict[type[exp.Expr], str] = {
    exp.CurrentDate: "CURRENT_DATE",
    exp.CurrentTimestamp: "CURRENT_TIMESTAMP",
    exp.CurrentDatetime: "CURRENT_DATETIME",
    exp.CurrentTime: "CURRENT_TIME",
}


@expression(*_CURRENT)
def bind_current(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """CURRENT_DATE and its kin without parentheses."""
    return bind_call(binder, exp.Anonymous(this=_CURRENT[type(node)], expressions=[]), scope)


def now(binder: Binder) -> str:
    """The statement's time."""
    return binder.context.system(NOW, TIMESTAMP)
