"""Checks a script before its first statement runs, so that a refused script changes nothing.

Each statement is bound over the tables and variables that earlier statements make. Only features that are not
implemented are refused here. A missing table or column is an error when its statement runs; as in BigQuery, the effect
of earlier statements is then kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from devcloud.bigquery.model import BigQueryError, Json, TableRef
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.casts import type_of
from devcloud.bigquery.sql.context import Context, columns_of
from devcloud.bigquery.sql.ddl import bind_create
from devcloud.bigquery.sql.run_ddl import alteration, check_creation, check_drop, check_schema
from devcloud.bigquery.sql.run_statement import PLANS, Runner
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.script import Assertion, Statement
from devcloud.bigquery.types import SqlType


class Rehearsal:
    """The tables and variables that a script will make; none of them exists yet."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._variables: dict[str, SqlType] = {}
        self._temp_tables: dict[str, list[tuple[str, SqlType]]] = {}
        self._tables: dict[TableRef, Json] = {}

    def check(self, statements: Sequence[Statement]) -> bool:
        """Raises the first notImplemented; returns whether every statement could be bound."""
        complete = True
        for statement in statements:
            try:
                self._bind(statement)
            except BigQueryError as error:
                if error.reason == "notImplemented":
                    raise
                complete = False
        return complete

    def _bind(self, statement: Statement) -> None:
        tree = statement.tree
        context = self._context()
        if isinstance(tree, Assertion):
            Binder(context).expr(tree.condition, Scope())
        elif isinstance(tree, exp.Declare):
            self._declare(tree, Binder(context))
        elif isinstance(tree, exp.Set):
            for item in tree.expressions:
                if isinstance(item.this, exp.EQ):
                    Binder(context).expr(item.this.expression, Scope())
        elif isinstance(tree, (exp.Create, exp.Drop, exp.Alter)):
            self._define(tree, statement.text, context)
        elif not isinstance(tree, (exp.Transaction, exp.Commit, exp.Rollback)):
            PLANS.get(statement.text, tree, context)

    def _context(self) -> Context:
        context = self._runner.context()

        def find_table(ref: TableRef) -> Json:
            return self._tables.get(ref) or context.find_table(ref)

        return replace(
            context,
            variables=self._variables,
            temp_tables=self._temp_tables,
            find_table=find_table if self._tables else context.find_table,
        )

    def _declare(self, tree: exp.Declare, binder: Binder) -> None:
        for item in tree.expressions:
            names = item.this if isinstance(item.this, list) else [item.this]
            kind_node, default = item.args.get("kind") or None, item.args.get("default") or None
            bound = binder.expr(default, Scope()).type if default is not None else None
            kind = type_of(kind_node) if kind_node is not None else bound
            if kind is not None:
                self._variables = self._variables | {name.name.lower(): kind for name in names}

    def _define(self, tree: exp.Expr, text: str, context: Context) -> None:
        kind = str(tree.args.get("kind") or "").upper()
        if kind == "SCHEMA":
            check_schema(tree)
        elif isinstance(tree, exp.Create):
            self._create(tree, text, context)
        elif isinstance(tree, exp.Drop):
            check_drop(tree, kind)
        else:
            ref = context.table_ref([part.name for part in tree.this.parts])
            schema = context.table(ref).get("schema") or {"fields": []}
            changed = alteration(tree, schema)
            self._tables[ref] = context.table(ref) | changed

    def _create(self, tree: exp.Create, text: str, context: Context) -> None:
        creation = bind_create(Binder(context), tree, text)
        check_creation(creation)
        made = creation.resource | {"type": creation.kind}
        if creation.like is not None:
            made |= {"schema": context.table(creation.like)["schema"]}
        if creation.temporary:
            self._temp_tables = self._temp_tables | {creation.parts[-1].lower(): columns_of(made)}
        else:
            self._tables[context.table_ref(creation.parts)] = made
