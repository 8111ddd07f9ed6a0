"""Plans MERGE: every WHEN clause in order, and an error if two source rows change one target row."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.partitions import unexpired
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.dml import (
    ONE_SOURCE_ROW,
    Target,
    assignments,
    bind_target,
    check_partition_filter,
    stored_value,
)
from devcloud.bigquery.sql.plan import Check, Plan
from devcloud.bigquery.sql.relations import add
from devcloud.bigquery.sql.scope import Column, Scope
from devcloud.bigquery.sql.typed import Typed


def bind_merge(binder: Binder, node: exp.Merge) -> Plan:
    """MERGE INTO target USING source ON condition WHEN ..."""
    target = bind_target(binder, node.this)
    alias = binder.context.fresh("t")
    scope = Scope(sources=[target.source(node.this.alias or node.this.name, alias)])
    source_sql = add(binder, node.args["using"], scope)
    if source_sql.startswith("LATERAL "):
        source_sql = source_sql.removeprefix("LATERAL ")
    check_partition_filter(target, scope, node.args["on"])
    on = binder.condition(node.args["on"], scope, "MERGE ON clause")
    kept = unexpired(target.resource or {}, prefix=f"{alias}.")
    on = f"({on}) AND {kept}" if kept else on
    whens, changing = [], []
    for when in node.args["whens"].expressions:
        text, condition = _when(binder, when, target, scope, kept)
        whens.append(text)
        if when.args.get("matched"):
            changing.append(condition or "TRUE")
    sql = f"MERGE INTO {target.sql} AS {alias} USING {source_sql} ON {on} {' '.join(whens)} RETURNING merge_action"
    checks = []
    if changing:
        rows = f"SELECT 1 FROM {target.sql} AS {alias} JOIN {source_sql} ON {on} WHERE {' OR '.join(changing)}"
        checks.append(Check(f"{rows} GROUP BY {alias}.rowid HAVING count(*) > 1 LIMIT 1", ONE_SOURCE_ROW))
    return Plan("MERGE", sql, target=target.ref, mutates=True, checks=checks)


def _when(binder: Binder, when: exp.Expr, target: Target, scope: Scope, kept: str) -> tuple[str, str]:
    """The clause and its condition. Rows of expired partitions count neither as matched nor as unmatched."""
    visible = _visible(when, scope)
    condition = when.args.get("condition")
    test = binder.condition(condition, visible, "WHEN condition") if condition is not None else ""
    if when.args.get("matched"):
        head = "WHEN MATCHED"
    else:
        head = "WHEN NOT MATCHED BY SOURCE" if when.args.get("source") else "WHEN NOT MATCHED BY TARGET"
        if kept and when.args.get("source"):
            test = f"({test}) AND {kept}" if test else kept
    action = _action(binder, when, target, visible)
    return f"{head}{f' AND {test}' if test else ''} THEN {action}", test


def _visible(when: exp.Expr, scope: Scope) -> Scope:
    """The names that a WHEN clause may use: those of the sides that have a row in this case."""
    if when.args.get("matched"):
        return scope
    return Scope(sources=scope.sources[:1] if when.args.get("source") else scope.sources[1:])


def _action(binder: Binder, when: exp.Expr, target: Target, scope: Scope) -> str:
    then = when.args["then"]
    if isinstance(then, exp.Update):
        both = Scope(sources=scope.sources)
        return f"UPDATE SET {assignments(binder, then.expressions, target, both)}"
    if isinstance(then, exp.Insert):
        return _insert(binder, then, target, scope)
    if then.name.upper() == "DELETE":
        return "DELETE"
    raise not_implemented(f"MERGE ... THEN {then.sql('bigquery')[:60]}")


def _insert(binder: Binder, then: exp.Insert, target: Target, scope: Scope) -> str:
    shown = [column for column in target.columns if not column.hidden]
    if isinstance(then.this, exp.Tuple):
        columns = [target.column(item.name) for item in then.this.expressions]
    else:
        columns = shown
    if not isinstance(then.expression, exp.Tuple):
        values = [Typed(c.sql, c.type) for source in scope.sources for c in source.columns if not c.hidden]
    else:
        values = [binder.expr(item, scope) for item in then.expression.expressions]
    if len(values) != len(columns):
        raise invalid_query(f"Inserted row has wrong column count; Has {len(values)}, expected {len(columns)}")
    texts = ", ".join(stored_value(value, column) for value, column in zip(values, columns, strict=True))
    return f"INSERT ({_names(columns)}) VALUES ({texts})"


def _names(columns: list[Column]) -> str:
    return ", ".join(column.sql for column in columns)
