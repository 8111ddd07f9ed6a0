"""Turns a parsed statement into a plan, and reuses plans while tables and parameter types stay the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping

from sqlglot import exp

from devcloud.bigquery.model import TableRef, not_implemented
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.context import Context
from devcloud.bigquery.sql.dml import bind_delete, bind_insert, bind_truncate, bind_update
from devcloud.bigquery.sql.merge import bind_merge
from devcloud.bigquery.sql.plan import Plan
from devcloud.bigquery.sql.plan_cache_keys import alike, moved
from devcloud.bigquery.sql.scope import Relation, Scope
from devcloud.bigquery.sql.single_flight import SingleFlight

_KEPT = 2_000
_RULES: dict[type[exp.Expr], Callable[[Binder, exp.Expr], Plan]] = {
    exp.Insert: bind_insert,  # type: ignore[dict-item]
    exp.Update: bind_update,  # type: ignore[dict-item]
    exp.Delete: bind_delete,  # type: ignore[dict-item]
    exp.Merge: bind_merge,  # type: ignore[dict-item]
    exp.TruncateTable: bind_truncate,  # type: ignore[dict-item]
}


class Plans:
    """Keeps the plans of statements for their next run."""

    def __init__(self) -> None:
        self._lock, self._planning = threading.Lock(), SingleFlight()
        self._kept: OrderedDict[Hashable, tuple[Plan, Mapping[str, TableRef]]] = OrderedDict()

    def get(self, text: str, tree: exp.Expr, context: Context) -> Plan:
        """The statement's plan, bound again if anything on which it depends has changed."""
        key = (text, *_surroundings(context))
        with self._planning.of(key):
            return self._known(key, context) or self._bound(text, key, tree, context)

    def _known(self, key: Hashable, context: Context) -> Plan | None:
        with self._lock:
            kept = self._kept.get(key)
        return _again(*kept, context) if kept else None

    def _bound(self, text: str, key: Hashable, tree: exp.Expr, context: Context) -> Plan:
        plan = bind(tree, context)
        if plan.cacheable:
            # Only the tables of this statement count. Another script with the same statement may lack the others.
            lifted = {name: ref for name, ref in context.lifted.items() if f"`{name}`" in text}
            with self._lock:
                self._kept[key] = plan, lifted
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return plan


def _again(plan: Plan, lifted: Mapping[str, TableRef], context: Context) -> Plan | None:
    """A kept plan with the tables of the current statement; None if a table has another shape than before."""
    tables = {ref: context.lifted[name] for name, ref in lifted.items()}
    if any(context.lifted[name] != tables[ref] for name, ref in lifted.items()):
        return None  # the earlier statement wrote one table in two ways; this one has two tables
    now = {}
    for ref, known in plan.referenced.items():
        at = tables.get(ref, ref)
        now[at] = context.table(at)
        if not (alike(now[at], known) if ref in tables else now[at] == known):
            return None
    return moved(plan, tables, now)


def _surroundings(context: Context) -> tuple[Hashable, ...]:
    temporary = tuple((name, tuple(columns)) for name, columns in sorted(context.temp_tables.items()))
    return (
        context.project,
        context.default_dataset,
        tuple(sorted(context.parameters.items(), key=lambda item: item[0])),
        context.positional,
        tuple(sorted(context.variables.items(), key=lambda item: item[0])),
        temporary,
    )


def bind(tree: exp.Expr, context: Context) -> Plan:
    """Bind one SELECT or DML statement."""
    binder = Binder(context)
    if isinstance(tree, exp.Query):
        plan = _select(binder.query(tree, Scope()))
    elif type(tree) in _RULES:
        plan = _RULES[type(tree)](binder, tree)
    else:
        raise not_implemented(f"the statement {type(tree).__name__}")
    plan.used, plan.referenced = context.used, dict(context.referenced)
    views = any(table["type"] == "VIEW" for table in plan.referenced.values())
    plan.cacheable = not context.volatile_metadata and not (views and context.lifted)
    return plan


def _select(relation: Relation) -> Plan:
    """The plan of a SELECT, with empty arrays for NULL ones, which no result has."""
    if not any(column.type.element for column in relation.columns):
        return Plan("SELECT", relation.sql, columns=relation.columns)
    listed = ", ".join(
        f"coalesce({c.sql}, CAST([] AS {c.type.duckdb})) AS {c.sql}" if c.type.element else c.sql
        for c in relation.columns
    )
    return Plan("SELECT", f"SELECT {listed} FROM ({relation.sql}) AS _result", columns=relation.columns)
