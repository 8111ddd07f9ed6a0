"""INSERT, UPDATE, DELETE and TRUNCATE as plans."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from devcloud.bigquery.model import Json, TableRef, invalid_query, not_implemented
from devcloud.bigquery.partition_filter import PartitionFilter
from devcloud.bigquery.partitions import unexpired
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.casts import cast
from devcloud.bigquery.sql.plan import Check, Plan
from devcloud.bigquery.sql.relations import join_all
from devcloud.bigquery.sql.scope import Column, Relation, Scope, Source
from devcloud.bigquery.sql.tables import PARTITION_TIME, partition_date, physical, stored_columns, temporary
from devcloud.bigquery.sql.typed import Typed, coerce
from devcloud.bigquery.types import quoted

ONE_SOURCE_ROW = "UPDATE/MERGE must match at most one source row for each target row"


@dataclass(frozen=True)
class Target:
    """The table a statement changes; `ref` is None for a temporary one."""

    sql: str
    ref: TableRef | None
    columns: list[Column]
    name: str
    resource: Json | None = None

    def column(self, name: str) -> Column:
        """The stored column of that name; raises invalidQuery."""
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        raise invalid_query(f"Column {name} is not present in table {self.name}")

    def source(self, alias: str, prefix: str) -> Source:
        """The target as a range variable whose DuckDB alias is `prefix`."""
        columns = [Column(c.name, c.type, f"{prefix}.{c.sql}", c.hidden) for c in self.columns]
        columns += [partition_date(column) for column in columns if column.name == PARTITION_TIME and column.hidden]
        return Source(alias, columns)


def bind_target(binder: Binder, node: exp.Expr) -> Target:
    """The table to change; raises notFound, and invalidQuery for a view."""
    if not isinstance(node, exp.Table):
        raise not_implemented(f"DML on {node.sql('bigquery')[:60]}")
    parts = [part.name for part in node.parts]
    temp = binder.context.temp_tables.get(parts[0].lower()) if len(parts) == 1 else None
    if temp is not None:
        columns = [Column(name, kind, quoted(name)) for name, kind in temp]
        return Target(temporary(parts[0].lower()), None, columns, parts[0])
    ref = binder.context.table_ref(parts)
    resource = binder.context.table(ref)
    if resource.get("type") != "TABLE":
        raise invalid_query(f"Cannot modify {ref}: it is a {resource.get('type')}")
    return Target(physical(ref), ref, stored_columns(resource), str(ref), resource)


def stored_value(value: Typed, column: Column, *, verb: str = "inserted into") -> str:
    """The value as the column stores it: coerced to its type, with an empty array for a NULL array."""
    coerced = coerce(value, column.type)
    if coerced is None:
        raise invalid_query(
            f"Value has type {value.type} which cannot be {verb} column {column.name}, which has type {column.type}"
        )
    if column.type.element is not None:
        return f"coalesce({coerced.sql}, CAST([] AS {column.type.duckdb}))"
    return coerced.sql


# INSERT -----------------------------------------------------------------------------------------------------------


def bind_insert(binder: Binder, node: exp.Insert) -> Plan:
    """INSERT ... VALUES and INSERT ... SELECT."""
    schema = node.this
    target = bind_target(binder, schema.this if isinstance(schema, exp.Schema) else schema)
    names = [item.name for item in schema.expressions] if isinstance(schema, exp.Schema) else []
    if len({name.lower() for name in names}) < len(names):
        raise invalid_query("INSERT has duplicate column names")
    columns = [target.column(name) for name in names] or [c for c in target.columns if not c.hidden]
    body = node.expression
    if isinstance(body, exp.Values):
        rows = _values(binder, body, columns)
    else:
        rows = conform(binder, binder.query(body, Scope()), columns)
    listed = ", ".join(column.sql for column in columns)
    return Plan("INSERT", f"INSERT INTO {target.sql} ({listed}) {rows}", target=target.ref)


def _values(binder: Binder, body: exp.Values, columns: list[Column]) -> str:
    rows = []
    for row in body.expressions:
        items = row.expressions if isinstance(row, exp.Tuple) else [row]
        if len(items) != len(columns):
            raise invalid_query(f"Inserted row has wrong column count; Has {len(items)}, expected {len(columns)}")
        pairs = zip(items, columns, strict=True)
        rows.append(f"({', '.join(_value(binder, item, column) for item, column in pairs)})")
    return f"VALUES {', '.join(rows)}"


def _value(binder: Binder, item: exp.Expr, column: Column) -> str:
    if isinstance(item, exp.Var) and item.name.upper() == "DEFAULT":
        return "DEFAULT"
    inner = item.this if isinstance(item, exp.Paren) else item
    return stored_value(binder.expr(inner, Scope()), column)


def conform(binder: Binder, relation: Relation, columns: list[Column]) -> str:
    """The query with its columns converted to the target's."""
    if len(relation.columns) != len(columns):
        raise invalid_query(
            f"Inserted row has wrong column count; Has {len(relation.columns)}, expected {len(columns)}"
        )
    alias = binder.context.fresh("q")
    parts = []
    for at, (given, column) in enumerate(zip(relation.columns, columns, strict=True)):
        known = relation.values[at] if relation.values else Typed("", given.type)
        parts.append(_conformed(f"{alias}.{given.sql}", known, column))
    return f"SELECT {', '.join(parts)} FROM ({relation.sql}) AS {alias}"


def _conformed(sql: str, known: Typed, column: Column) -> str:
    if known.null:
        return stored_value(known, column)
    if known.literal and known.type.kind == "STRING" and coerce(known, column.type) is not None:
        return cast(Typed(sql, known.type), column.type).sql
    return stored_value(Typed(sql, known.type, literal=known.literal), column)


# UPDATE, DELETE, TRUNCATE -------------------------------------------------------------------------------------------


def require_where(binder: Binder, node: exp.Expr, scope: Scope, target: Target, alias: str) -> str:
    """The text of the WHERE clause, which BigQuery requires; it excludes rows of expired partitions."""
    where = node.args.get("where")
    if where is None:
        raise invalid_query(f"{type(node).__name__.upper()} must have a WHERE clause")
    check_partition_filter(target, scope, where.this)
    condition = binder.condition(where.this, scope, "WHERE clause")
    kept = unexpired(target.resource or {}, prefix=f"{alias}.")
    return f"({condition}) AND {kept}" if kept else condition


def check_partition_filter(target: Target, scope: Scope, condition: exp.Expr) -> None:
    """Check the partition filters that the target and the other tables require."""
    own = PartitionFilter.demanded_by(target.resource, alias=scope.sources[0].alias) if target.resource else None
    for demanded in [*scope.demanded, *([own] if own else [])]:
        demanded.check([*scope.join_conditions, condition])


def bind_update(binder: Binder, node: exp.Update) -> Plan:
    """UPDATE ... SET ... FROM ... WHERE."""
    target = bind_target(binder, node.this)
    alias = binder.context.fresh("t")
    scope = Scope(sources=[target.source(node.this.alias or node.this.name, alias)])
    clause, from_sql = node.args.get("from_"), ""
    if clause is not None:
        from_sql = join_all(binder, clause.this, clause.args.get("joins") or node.args.get("joins") or [], scope)
    where = require_where(binder, node, scope, target, alias)
    sets = assignments(binder, node.expressions, target, scope)
    sql = f"UPDATE {target.sql} AS {alias} SET {sets}{f' FROM {from_sql}' if from_sql else ''} WHERE {where}"
    checks = []
    if from_sql:
        rows = f"SELECT 1 FROM {target.sql} AS {alias}, {from_sql} WHERE {where}"
        checks.append(Check(f"{rows} GROUP BY {alias}.rowid HAVING count(*) > 1 LIMIT 1", ONE_SOURCE_ROW))
    return Plan("UPDATE", sql, target=target.ref, mutates=True, checks=checks)


def assignments(binder: Binder, nodes: list[exp.Expr], target: Target, scope: Scope) -> str:
    """The SET list."""
    sets, seen = [], set()
    for node in nodes:
        column = _assigned(node.this, target, scope)
        if column.name in seen:
            raise invalid_query(f"Update item {column.name} assigned more than once")
        seen.add(column.name)
        if isinstance(node.expression, exp.Column) and node.expression.name.upper() == "DEFAULT":
            sets.append(f"{column.sql} = DEFAULT")
        else:
            value = binder.expr(node.expression, scope)
            sets.append(f"{column.sql} = {stored_value(value, column, verb='assigned to')}")
    return ", ".join(sets)


def _assigned(node: exp.Expr, target: Target, scope: Scope) -> Column:
    names = [part.name for part in node.parts] if isinstance(node, exp.Column) else []
    if len(names) == 2 and names[0].lower() == scope.sources[0].alias.lower():
        names = names[1:]
    if len(names) != 1:
        raise not_implemented(f"UPDATE of the field {node.sql('bigquery')}")
    return target.column(names[0])


def bind_delete(binder: Binder, node: exp.Delete) -> Plan:
    """DELETE FROM ... WHERE."""
    table = node.this or (node.args.get("tables") or [None])[0]
    target = bind_target(binder, table)
    alias = binder.context.fresh("t")
    scope = Scope(sources=[target.source(table.alias or table.name, alias)])
    where = require_where(binder, node, scope, target, alias)
    return Plan("DELETE", f"DELETE FROM {target.sql} AS {alias} WHERE {where}", target=target.ref, mutates=True)


def bind_truncate(binder: Binder, node: exp.TruncateTable) -> Plan:
    """TRUNCATE TABLE."""
    target = bind_target(binder, node.expressions[0])
    return Plan("TRUNCATE_TABLE", f"DELETE FROM {target.sql}", target=target.ref, mutates=True)
