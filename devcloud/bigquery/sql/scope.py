"""Resolves names at one place of a query: columns, range variables, select aliases and outer scopes."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from devcloud.bigquery.model import Json, invalid_query, not_implemented
from devcloud.bigquery.partition_filter import PartitionFilter
from devcloud.bigquery.sql.literals import quote_text
from devcloud.bigquery.sql.typed import Typed, built
from devcloud.bigquery.types import SqlType, struct_of

# The DuckDB text of a column that BigQuery has and this engine does not implement.
LATER = '"_devcloud_later"'


@dataclass(frozen=True)
class Column:
    """A column of a query: BigQuery's name and type, and DuckDB's text. `*` leaves out `hidden` pseudo columns."""

    name: str
    type: SqlType
    sql: str
    hidden: bool = False


@dataclass
class Source:
    """A range variable: a table, subquery or UNNEST in FROM. `value` is the row if it is one value without columns."""

    alias: str
    columns: list[Column]
    value: Typed | None = None
    merged: frozenset[str] = frozenset()

    def find(self, name: str) -> Column | None:
        """The column of that name; raises if there are several."""
        lowered = name.lower()
        found = [column for column in self.columns if column.name.lower() == lowered]
        if len(found) > 1:
            raise invalid_query(f"Column name {name} is ambiguous")
        if found and found[0].sql.endswith(LATER):
            raise not_implemented(f"the column {found[0].name} of {self.alias}")
        return found[0] if found else None

    def row(self) -> Typed:
        """The row as one value."""
        if self.value is not None:
            return self.value
        shown = [column for column in self.columns if not column.hidden]
        kind = struct_of([(column.name, column.type) for column in shown])
        return built(kind, [column.sql for column in shown])


@dataclass(frozen=True)
class Elements:
    """The elements of a list as the rows of a folded subquery. `name` is the name of an element in lambdas."""

    list_sql: str
    name: str

    def each(self, sql: str) -> str:
        """The SQL for the list of an expression's values, one for each element."""
        return self.list_sql if sql == self.name else f"list_transform({self.list_sql}, lambda {self.name}: {sql})"

    def where(self, sql: str) -> Elements:
        """The elements for which a condition holds."""
        return Elements(f"list_filter({self.list_sql}, lambda {self.name}: {sql})", self.name)

    def aggregate(self, function: str, arguments: tuple[str, ...], *, sort: bool) -> str:
        """The SQL of one of DuckDB's aggregates over the elements."""
        if arguments == ("*",):
            return f"coalesce(len({self.list_sql}), 0)"
        value, *others = arguments
        listed = self.each(value)
        listed = f"list_sort({listed}, 'ASC', 'NULLS FIRST')" if sort else listed
        text = f"list_aggregate({', '.join([listed, quote_text(function), *others])})"
        return f"coalesce({text}, 0)" if function == "count" else text


@dataclass
class Scope:
    """The names of one SELECT; `parent` is the query around a correlated subquery."""

    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    # Columns that USING merged: they hide the columns of the same name in the sources.
    using: dict[str, Column] = field(default_factory=dict)
    aliases: dict[str, Typed] = field(default_factory=dict)
    windows: dict[str, object] = field(default_factory=dict)
    ctes: dict[str, Relation] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)  # the WITH queries, to find equal ones
    in_aggregate: bool = False
    # The elements that a subquery's aggregates read, if the subquery is written as list functions.
    elements: Elements | None = None
    # The partition filters that tables of this SELECT require, and the conditions of its joins.
    demanded: list[PartitionFilter] = field(default_factory=list)
    join_conditions: list[exp.Expr] = field(default_factory=list)

    def child(self) -> Scope:
        """The scope of a subquery in this one."""
        return Scope(parent=self)

    def add_source(self, source: Source) -> None:
        """Add a range variable; raises invalidQuery when another has its name."""
        if source.alias and self.find_source(source.alias) is not None:
            raise invalid_query(f"Duplicate table alias {source.alias} in the same FROM clause")
        self.sources.append(source)

    def find_source(self, name: str) -> Source | None:
        """The range variable of that name, in this scope only."""
        lowered = name.lower()
        return next((source for source in self.sources if source.alias.lower() == lowered), None)

    def find_column(self, name: str) -> Column | None:
        """The column of that name among all sources of this scope; raises when ambiguous."""
        if name.lower() in self.using:
            return self.using[name.lower()]
        found = [column for source in self.sources if (column := source.find(name))]
        if len(found) > 1:
            raise invalid_query(f"Column name {name} is ambiguous")
        return found[0] if found else None

    def find_asked(self, tree: exp.Expr) -> Relation | None:
        """An enclosing WITH query that equals this one; None if names in it may mean columns of an outer query."""
        scope: Scope | None = self
        asked: list[Asked] = []
        while scope is not None:
            if scope.sources:
                return None
            asked += scope.asked
            scope = scope.parent
        same = (one for one in asked if one.tree == tree and repr(one.tree) == repr(tree))
        return next((one.relation for one in same if all(self.find_cte(n) is r for n, r in one.reads.items())), None)

    def find_cte(self, name: str) -> Relation | None:
        """The WITH query of that name, nearest first."""
        scope: Scope | None = self
        while scope is not None:
            if name.lower() in scope.ctes:
                return scope.ctes[name.lower()]
            scope = scope.parent
        return None


@dataclass(frozen=True)
class Asked:
    """A WITH query and its relation, and for each table name in it the WITH query that it means, or None."""

    tree: exp.Expr
    reads: dict[str, Relation | None]
    relation: Relation


@dataclass
class Relation:
    """A bound query: its DuckDB text and its columns, in order and with unique DuckDB names."""

    sql: str
    columns: list[Column]
    anonymous: frozenset[int] = frozenset()
    is_value: bool = False
    # The SELECT list, because INSERT and set operations coerce the literals in it.
    values: list[Typed] | None = None
    resource: Json | None = None  # of a stored table
