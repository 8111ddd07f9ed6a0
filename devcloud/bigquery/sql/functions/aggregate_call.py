"""Splits an aggregate or window call: DISTINCT, IGNORE NULLS, HAVING, ORDER BY and LIMIT in its parentheses."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from devcloud.bigquery.model import invalid_query
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.ordering import order_keys
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed


@dataclass
class AggregateCall:
    """One call; `over` is the text of its OVER clause, '' for a plain aggregate."""

    binder: Binder
    scope: Scope
    name: str
    nodes: list[exp.Expr]
    over: str
    distinct: bool = False
    ignore_nulls: bool = False
    order: str = ""
    order_keys: list[tuple[str, str]] = field(default_factory=list)
    limit: str | None = None
    having: tuple[Typed, bool] | None = None

    @classmethod
    def parse(cls, binder: Binder, node: exp.Anonymous, scope: Scope, *, over: str) -> AggregateCall:
        """Split the call and bind its modifiers."""
        name = str(node.this if isinstance(node.this, str) else node.this.name).upper()
        call = cls(binder, scope, name, [], over)
        for argument in node.expressions:
            call.nodes += call._unwrap(argument)
        return call

    def _unwrap(self, node: exp.Expr) -> list[exp.Expr]:
        inside = _Inside(self.scope)
        with inside:
            while True:
                if isinstance(node, exp.Limit):
                    self.limit = self.binder.integer(node.expression, self.scope, "LIMIT")
                elif isinstance(node, exp.Order):
                    self.order_keys = order_keys(self.binder, node, self.scope)
                    self.order = " ORDER BY " + ", ".join(f"{key} {way}" for key, way in self.order_keys)
                elif isinstance(node, exp.HavingMax):
                    key = self.binder.expr(node.expression, self.scope)
                    self.having = (key, bool(node.args.get("max")))
                elif isinstance(node, exp.IgnoreNulls):
                    self.ignore_nulls = True
                elif not isinstance(node, exp.RespectNulls):
                    break
                node = node.this
        if isinstance(node, exp.Distinct):
            self.distinct = True
            return [inner for item in node.expressions for inner in self._unwrap(item)]
        return [node]

    def arguments(self) -> list[Typed]:
        """The bound arguments."""
        with _Inside(self.scope):
            return [self.binder.expr(node, self.scope) for node in self.nodes]

    def one(self, name: str) -> Typed:
        """The only argument."""
        given = self.arguments()
        if len(given) != 1:
            raise invalid_query(f"No matching signature for aggregate function {name}: {len(given)} arguments")
        return given[0]

    def two(self, name: str) -> tuple[Typed, Typed]:
        """The two arguments."""
        given = self.arguments()
        if len(given) != 2:
            raise invalid_query(f"No matching signature for aggregate function {name}: {len(given)} arguments")
        return given[0], given[1]

    def numeric(self, name: str) -> Typed:
        """The only argument, a number."""
        value = self.one(name)
        if not value.type.is_numeric:
            raise invalid_query(f"No matching signature for aggregate function {name} for argument types: {value.type}")
        return value

    def listed(self, value: str, where: str | None = None) -> str:
        """The DuckDB list of the values. A list of DISTINCT values is sorted afterwards by the values."""
        if not (self.distinct and self.order_keys):
            return self.emit("list", value, where=where)
        key, direction = self.order_keys[-1]
        is_float = self.order_keys[0][0] == f"isnan({value})"
        if len(self.order_keys) > 1 + is_float or key != value:
            raise invalid_query(
                "An aggregate function that has both DISTINCT and ORDER BY arguments can only ORDER BY expressions "
                "that are arguments to the function"
            )
        way, nulls = direction.split(" ", 1)
        condition = f" FILTER (WHERE {where})" if where else ""
        listed = f"list_sort(list(DISTINCT {value}){condition}{self.over}, '{way}', '{nulls}')"
        return f"bq_nan_{'first' if way == 'ASC' else 'last'}({listed})" if is_float else listed

    def emit(self, function: str, *arguments: str, where: str | None = None) -> str:
        """The DuckDB call with this call's modifiers."""
        if self.scope.elements is not None:
            elements = self.scope.elements.where(where) if where else self.scope.elements
            return elements.aggregate(function, arguments, sort=bool(self.order))
        distinct = "DISTINCT " if self.distinct else ""
        condition = f" FILTER (WHERE {where})" if where else ""
        return f"{function}({distinct}{', '.join(arguments)}{self.order}){condition}{self.over}"


class _Inside:
    """While an aggregate's arguments are bound, columns go before select aliases."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.before = scope, scope.in_aggregate

    def __enter__(self) -> None:
        self.scope.in_aggregate = True

    def __exit__(self, *_: object) -> None:
        self.scope.in_aggregate = self.before
