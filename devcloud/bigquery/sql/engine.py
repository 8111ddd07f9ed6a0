"""Runs GoogleSQL, a statement or a script, inside a session."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import replace
from importlib import resources

import duckdb
from sqlglot import exp

from devcloud.bigquery.catalog_reads import Catalogs
from devcloud.bigquery.model import BigQueryError, QueryRequest, QueryResult, invalid_query, not_implemented
from devcloud.bigquery.optimiser import Optimiser
from devcloud.bigquery.row_counts import RowCounts
from devcloud.bigquery.sql import functions as _functions  # noqa: F401 - fills the registries
from devcloud.bigquery.sql.clock import Clock
from devcloud.bigquery.sql.errors import is_conflict, translate
from devcloud.bigquery.sql.guards import TableGuards
from devcloud.bigquery.sql.plan_cache_keys import Lifted, lift
from devcloud.bigquery.sql.rehearsal import Rehearsal
from devcloud.bigquery.sql.run_ddl import run_ddl
from devcloud.bigquery.sql.run_statement import Runner
from devcloud.bigquery.sql.script import Assertion, Statement, parse
from devcloud.bigquery.sql.session import Session

_DDL = (exp.Create, exp.Drop, exp.Alter)
_REMEMBERED = 1_000
_TRANSACTION = (exp.Transaction, exp.Commit, exp.Rollback)


class Engine:
    """GoogleSQL over one DuckDB database."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._guards, self._row_counts, self._catalogs = TableGuards(), RowCounts(), Catalogs(database)
        self.optimiser, self.clock = Optimiser(database), Clock()
        self._rehearsed: dict[Hashable, None] = {}  # scripts that passed the check, oldest first
        with database.cursor() as cursor:
            cursor.execute("SET GLOBAL TimeZone = 'UTC'")  # for every cursor to come
            for name in ("text_macros.sql", "macros.sql", "json_macros.sql"):
                cursor.execute(resources.files("devcloud.bigquery.sql").joinpath(name).read_text(encoding="utf-8"))

    def session(self) -> Session:
        """A new session: one per job."""
        return Session(
            self._database,
            self._guards,
            self._row_counts,
            self._catalogs,
            optimiser=self.optimiser,
            clock=self.clock,
        )

    def run(self, request: QueryRequest, *, session: Session) -> QueryResult:
        """Run one statement or a script and return its result; a BigQueryError undoes everything that is not committed.

        `rows` has all rows of the last SELECT in Arrow. If the request has a destination, the table `kept` has them.
        `schema` is their REST schema. `children` has an entry for each statement of a script. With `dry_run` nothing
        runs; only `schema`, `statement_type` and `referenced_tables` are set. The transaction of the last statement
        stays open: store the result through `session.cursor`, then call `session.commit()`. The caller handles the
        destination and the dispositions.
        """
        try:
            return self._run(request, session)
        except RecursionError as error:
            raise not_implemented("statements nested this deeply") from error

    def _run(self, request: QueryRequest, session: Session) -> QueryResult:
        lifted = lift(request.sql, request.project)
        try:
            statements = parse(lifted.text)
        except BigQueryError:
            # Parse the caller's own text, because the error message may quote it.
            lifted = Lifted(request.sql)
            statements = parse(request.sql)
        if len(statements) == 1 and not isinstance(statements[0].tree, exp.Declare):
            return self._run_one(statements[0], Runner(request, session, lifted.tables))
        runner = Runner(replace(request, check=None, destination=None), session, lifted.tables)
        self._rehearse(statements, runner, lifted.text)
        if request.dry_run:
            return QueryResult("SCRIPT")
        return self._run_script(statements, runner)

    def _rehearse(self, statements: tuple[Statement, ...], runner: Runner, text: str) -> None:
        """Refuse features that are not implemented before anything runs. A script that passed is not checked again."""
        request = runner.request
        kinds = json.dumps([one.get("parameterType") for one in request.parameters])
        key = text, request.project, request.default_dataset, kinds
        if key in self._rehearsed:
            return
        try:
            if Rehearsal(runner).check(statements):
                self._rehearsed[key] = None
        finally:
            runner.session.rollback()  # release the snapshot that the check used
        while len(self._rehearsed) > _REMEMBERED:
            self._rehearsed.pop(next(iter(self._rehearsed)), None)

    def _run_script(self, statements: tuple[Statement, ...], runner: Runner) -> QueryResult:
        session, result = runner.session, QueryResult("SCRIPT")
        declaring = True
        for position, statement in enumerate(statements):
            is_declaration = isinstance(statement.tree, exp.Declare)
            if is_declaration and not declaring:
                raise invalid_query("Variable declarations are allowed only at the start of a block or script")
            declaring &= is_declaration
            if position < len(statements) - 1 and not session.in_transaction:
                # Only the last statement shares its commit with the job's record.
                session.commit()
            _add_child(result, self._run_one(statement, runner))
        if session.in_transaction:
            session.rollback()
        return result

    def _run_one(self, statement: Statement, runner: Runner) -> QueryResult:
        request = runner.request
        try:
            if request.delay and not request.dry_run and not isinstance(statement.tree, _TRANSACTION):
                request.delay(statement.text)
            return self._dispatch(statement, runner)
        except duckdb.Error as error:
            if is_conflict(error):
                raise runner.session.aborted(runner.target or "unknown") from error
            runner.session.keep_finished_writes()
            raise translate(error) from error
        except Exception:
            runner.session.keep_finished_writes()
            raise

    def _dispatch(self, statement: Statement, runner: Runner) -> QueryResult:
        tree, session = statement.tree, runner.session
        if isinstance(tree, Assertion):
            return runner.run_assertion(tree)
        if isinstance(tree, _DDL):
            return run_ddl(runner, tree, statement.text)
        if isinstance(tree, _TRANSACTION):
            return _control(tree, session)
        if isinstance(tree, (exp.Declare, exp.Set)):
            return runner.declare(tree) if isinstance(tree, exp.Declare) else runner.assign(tree)
        return runner.run_query(statement)


def _control(tree: exp.Expr, session: Session) -> QueryResult:
    if isinstance(tree, exp.Transaction):
        session.begin_transaction()
        return QueryResult("BEGIN_TRANSACTION")
    if isinstance(tree, exp.Commit):
        session.commit_transaction()
        return QueryResult("COMMIT_TRANSACTION")
    session.rollback_transaction()
    return QueryResult("ROLLBACK_TRANSACTION")


def _add_child(script: QueryResult, child: QueryResult) -> None:
    """Add a statement's result to the script's. The script returns its last SELECT."""
    script.children.append(child)
    script.referenced_tables = list(dict.fromkeys([*script.referenced_tables, *child.referenced_tables]))
    if child.statement_type == "SELECT":
        script.schema, script.rows = child.schema, child.rows
