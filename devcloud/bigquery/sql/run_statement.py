"""Runs one statement after the other in a session: queries, DML, variables and assertions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from sqlglot import exp

from devcloud.bigquery import catalog
from devcloud.bigquery.duck import arrow_table, execute, one_row
from devcloud.bigquery.model import BigQueryError, Json, QueryRequest, QueryResult, TableRef, invalid_query
from devcloud.bigquery.partitions import parse_destination
from devcloud.bigquery.sql.amount_read import optimised, rows_read
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.casts import type_of
from devcloud.bigquery.sql.context import NOW, Context
from devcloud.bigquery.sql.null_elements import check_elements, null_element
from devcloud.bigquery.sql.parameters import read_parameters
from devcloud.bigquery.sql.plan import Plan
from devcloud.bigquery.sql.scope import Column, Scope
from devcloud.bigquery.sql.script import Assertion, Statement
from devcloud.bigquery.sql.session import Session, Variable
from devcloud.bigquery.sql.translate import Plans
from devcloud.bigquery.sql.typed import Typed, null_of, require
from devcloud.bigquery.types import SqlType, quoted, to_field

PLANS = Plans()
_KEPT = "_devcloud_kept"


class Runner:
    """Runs one request's statements in a session; `lifted` has the tables behind placeholders in their text."""

    def __init__(self, request: QueryRequest, session: Session, lifted: Mapping[str, TableRef]) -> None:
        self.request, self.session, self._lifted = request, session, lifted
        self.target: TableRef | None = None
        self._parameters = read_parameters(request.parameters)
        self._now = session.clock.now()

    def context(self) -> Context:
        """The context of the next statement."""
        session, request = self.session, self.request
        session.read()
        named = request.parameter_mode.upper() != "POSITIONAL"
        return Context(
            project=request.project,
            default_dataset=request.default_dataset,
            find_table=self._find_table,
            list_tables=self._list_tables,
            parameters={name.lower(): kind for name, kind, _ in self._parameters} if named else {},
            positional=() if named else tuple(kind for _, kind, _ in self._parameters),
            variables={name: variable.type for name, variable in session.variables.items()},
            temp_tables=session.temp_tables,
            lifted=self._lifted,
        )

    def authorize(self, ref: TableRef, *, writes: bool) -> None:
        """Have the request's `authorize` check that the caller may read (or write) the table."""
        if self.request.authorize is not None:
            self.request.authorize(ref, writes)

    def check(self, result: QueryResult) -> None:
        """Call the request's `check` before the statement runs."""
        if self.request.check is not None:
            self.request.check(result)

    def _find_table(self, ref: TableRef) -> Json:
        self.authorize(ref, writes=False)
        return catalog.get_table(self.session.cursor, ref)

    def _list_tables(self, project: str, dataset: str) -> list[Json]:
        self.authorize(TableRef(project, dataset, "*"), writes=False)
        return catalog.list_tables(self.session.cursor, project, dataset)

    # Queries and DML --------------------------------------------------------------------------------------------------

    def run_query(self, statement: Statement) -> QueryResult:
        """Run a SELECT or DML statement."""
        assert isinstance(statement.tree, exp.Expr)  # noqa: S101
        self._now = self.session.clock.now()
        plan = PLANS.get(statement.text, statement.tree, self.context())
        result = QueryResult(plan.statement_type, referenced_tables=list(plan.referenced))
        if plan.statement_type == "SELECT":
            if self.request.destination:
                _check_names(plan.columns)
            result.schema = fields_of(plan.columns)
        self.target = result.written_table = plan.target
        if plan.target is not None:
            self.authorize(plan.target, writes=True)
        if self.request.dry_run:
            return result
        self.check(result)
        if plan.statement_type == "SELECT":
            self.session.read()
            if self._is_written_as_it_runs(plan):
                result.kept, result.values = _named_rows(plan), self.values(plan)
                result.rows_read = rows_read(self.session, plan.referenced, result.values)
            elif self.request.destination:
                result.kept = self.keep(plan)
            else:
                result.rows = self.fetch(plan)
            return result
        return self._change(plan, statement, result)

    def fetch(self, plan: Plan) -> pa.Table:
        """All rows of a SELECT."""
        values = self.values(plan)
        with optimised(self.session, plan.referenced, values):
            table = arrow_table(self.session.cursor, plan.sql, values)
        check_elements(table, plan.columns)
        return table.rename_columns([field["name"] for field in fields_of(plan.columns)])

    def _is_written_as_it_runs(self, plan: Plan) -> bool:
        """Whether a SELECT may run while its rows are written, because they go into a new table that it cannot read."""
        request = self.request
        if not request.destination or not plan.cacheable or any(column.type.element for column in plan.columns):
            return False
        to = parse_destination(request.destination, project=request.project)
        return to.partition is None and catalog.find_table(self.session.cursor, to.ref) is None

    def keep(self, plan: Plan) -> str:
        """Store all rows of a SELECT in a temporary table, so that DuckDB can copy them on without Python."""
        kept = f"CREATE OR REPLACE TEMP TABLE {_KEPT} AS SELECT * FROM {_named_rows(plan)}"
        values = self.values(plan)
        with optimised(self.session, plan.referenced, values):
            execute(self.session.cursor, kept, values)
        for field, column in zip(fields_of(plan.columns), plan.columns, strict=True):
            name = quoted(field["name"])
            if column.type.element and one_row(
                self.session.cursor, f"SELECT 1 FROM {_KEPT} WHERE len({name}) != list_count({name}) LIMIT 1"
            ):
                raise null_element(column)
        return _KEPT

    def _change(self, plan: Plan, statement: Statement, result: QueryResult) -> QueryResult:
        assert isinstance(statement.tree, exp.Expr)  # noqa: S101
        if self.session.write({plan.target} if plan.mutates and plan.target else None):
            # This waited for another session, which may have changed the table's columns.
            plan = PLANS.get(statement.text, statement.tree, self.context())
        values = self.values(plan)
        with optimised(self.session, plan.referenced, values):
            for check in plan.checks:
                if execute(self.session.cursor, check.sql, used_in(check.sql, values)).fetchall():
                    raise invalid_query(check.message)
            rows = self.session.execute(plan.sql, values)
        _count(result, plan, rows)
        self.session.row_count = result.dml_affected_rows
        if plan.target is not None and result.dml_stats is not None:
            added = int(result.dml_stats["insertedRowCount"]) - int(result.dml_stats["deletedRowCount"])
            self.session.changed(plan.target, added=added, rewritten=plan.mutates)
        return result

    def values(self, plan: Plan) -> dict[str, Any]:
        """The values that DuckDB binds to the plan's parameters."""
        return {name: self._value(source, key) for name, (source, key) in plan.used.items()}

    def _value(self, source: str, key: str) -> Any:
        if source == "variable":
            return self.session.variables[key].value
        if source == "now" or (source, key) == ("system", NOW):
            return self._now
        if source == "system":
            return self.session.row_count
        if source == "positional":
            return self._parameters[int(key) - 1][2]
        return next(value for name, _, value in self._parameters if name.lower() == key)

    # Variables and assertions -----------------------------------------------------------------------------------------

    def evaluate(self, node: exp.Expr, wanted: SqlType | None) -> Typed:
        """The value of an expression, as a Typed with DuckDB's answer as its `value`."""
        context = self.context()
        bound = Binder(context).expr(node, Scope())
        if wanted is not None:
            bound = require(bound, wanted, "Expression")
        plan = Plan("SELECT", f"SELECT {bound.sql}", used=context.used)
        values = self.values(plan)
        with optimised(self.session, context.referenced, values):
            rows = execute(self.session.cursor, plan.sql, values).fetchall()
        return Typed(bound.sql, bound.type, value=rows[0][0])

    def declare(self, tree: exp.Declare) -> QueryResult:
        """DECLARE name type DEFAULT value."""
        for item in tree.expressions:
            names = item.this if isinstance(item.this, list) else [item.this]
            kind_node, default = item.args.get("kind") or None, item.args.get("default") or None
            kind = type_of(kind_node) if kind_node is not None else None
            if kind is None and default is None:
                raise invalid_query("Syntax error: Expected a type or DEFAULT in DECLARE")
            value = self.evaluate(default, kind) if default is not None else null_of(kind or SqlType("INT64"))
            for name in names:
                if name.name.lower() in self.session.variables:
                    raise invalid_query(f"Variable '{name.name}' redeclared")
                self.session.variables[name.name.lower()] = Variable(kind or value.type, value.value)
        return QueryResult("DECLARE")

    def assign(self, tree: exp.Set) -> QueryResult:
        """SET name = value, SET (a, b) = (1, 2)."""
        for item in tree.expressions:
            pair = item.this
            if not isinstance(pair, exp.EQ):
                raise invalid_query("Syntax error: Expected SET variable = expression")
            if isinstance(pair.this, (exp.Tuple, exp.Paren)):
                self._assign_all(pair)
            else:
                self._assign(pair.this.name, pair.expression)
        return QueryResult("SET")

    def _assign_all(self, pair: exp.EQ) -> None:
        names = [pair.this.this] if isinstance(pair.this, exp.Paren) else pair.this.expressions
        values = pair.expression
        while isinstance(values, exp.Paren):
            values = values.this
        if isinstance(values, exp.Tuple) and len(values.expressions) == len(names):
            given = [
                self.evaluate(v, self._variable(n.name).type) for n, v in zip(names, values.expressions, strict=True)
            ]
            for name, value in zip(names, given, strict=True):
                self._variable(name.name).value = value.value
            return
        row = self.evaluate(values, None)
        if row.type.kind != "STRUCT" or len(row.type.fields) != len(names):
            raise invalid_query("Cannot assign: the expression does not have as many fields as there are variables")
        parts = list((row.value or dict.fromkeys(range(len(names)))).values())
        for name, part, (_, kind) in zip(names, parts, row.type.fields, strict=True):
            variable = self._variable(name.name)
            require(Typed("", kind), variable.type, f"Variable {name.name}")
            variable.value = part

    def _assign(self, name: str, node: exp.Expr) -> None:
        variable = self._variable(name)
        variable.value = self.evaluate(node, variable.type).value

    def _variable(self, name: str) -> Variable:
        variable = self.session.variables.get(name.lower())
        if variable is None:
            raise invalid_query(f"Undeclared variable: {name}")
        return variable

    def run_assertion(self, assertion: Assertion) -> QueryResult:
        """ASSERT condition AS 'message'."""
        self._now = self.session.clock.now()
        outcome = self.evaluate(assertion.condition, SqlType("BOOL"))
        if outcome.value is not True:
            raise BigQueryError(
                "invalidQuery", f"Assertion failed: {assertion.message}".removesuffix(": "), location="query"
            )
        return QueryResult("ASSERT")


def _named_rows(plan: Plan) -> str:
    """The plan's rows as a relation whose columns have the names of the result."""
    names = ", ".join(quoted(field["name"]) for field in fields_of(plan.columns))
    return f"({plan.sql}) AS _rows({names})"


def fields_of(columns: list[Column]) -> list[Json]:
    """The REST schema of a result; a repeated name gets a number."""
    seen: dict[str, int] = {}
    fields = []
    for at, column in enumerate(columns):
        name = column.name or f"f{at}_"
        repeats = seen[name.lower()] = seen.get(name.lower(), -1) + 1
        fields.append(to_field(f"{name}_{repeats}" if repeats else name, column.type))
    return fields


def _check_names(columns: list[Column]) -> None:
    """Raises invalidQuery for a repeated column name, which a table cannot have."""
    times = Counter(column.name.lower() for column in columns if column.name)
    if repeated := [name for name, count in times.items() if count > 1]:
        raise invalid_query(
            "Duplicate column names in the result are not supported when a destination table is present."
            f" Found duplicate(s): {', '.join(repeated)}"
        )


def used_in(sql: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values of the parameters that occur in the text; DuckDB refuses others."""
    return {name: value for name, value in values.items() if f"${name} " in sql}


def _count(result: QueryResult, plan: Plan, rows: list[tuple[Any, ...]]) -> None:
    counts = {"INSERT": 0, "UPDATE": 0, "DELETE": 0}
    if plan.statement_type == "MERGE":
        for (action,) in rows:
            counts[str(action).upper()] += 1
    else:
        verb = "DELETE" if plan.statement_type == "TRUNCATE_TABLE" else plan.statement_type
        counts[verb] = int(rows[0][0]) if rows else 0
    result.dml_affected_rows = sum(counts.values())
    names = {"INSERT": "insertedRowCount", "UPDATE": "updatedRowCount", "DELETE": "deletedRowCount"}
    result.dml_stats = {name: str(counts[verb]) for verb, name in names.items()}
