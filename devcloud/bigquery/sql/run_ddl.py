"""Runs CREATE, DROP and ALTER through the catalog, or on the session's temporary tables."""

from __future__ import annotations

from copy import deepcopy

from sqlglot import exp

from devcloud.bigquery import catalog
from devcloud.bigquery.arrow import arrow_schema
from devcloud.bigquery.model import Json, QueryResult, TableRef, invalid_query, not_found, not_implemented
from devcloud.bigquery.sql.amount_read import optimised
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.context import Context
from devcloud.bigquery.sql.ddl import SCHEMA_OPTIONS, TABLE_OPTIONS, Creation, bind_create, column_field
from devcloud.bigquery.sql.dml import conform
from devcloud.bigquery.sql.options import read_options
from devcloud.bigquery.sql.plan import Plan
from devcloud.bigquery.sql.run_statement import Runner
from devcloud.bigquery.sql.scope import Column
from devcloud.bigquery.sql.tables import physical, temporary
from devcloud.bigquery.types import field_type, quoted


def run_ddl(runner: Runner, tree: exp.Expr, text: str) -> QueryResult:
    """Run one DDL statement."""
    context = runner.context()
    binder = Binder(context)
    kind = str(tree.args.get("kind") or "").upper()
    if kind == "SCHEMA":
        return _schema(runner, tree)
    if isinstance(tree, exp.Create):
        return _create(runner, context, bind_create(binder, tree, text))
    if isinstance(tree, exp.Drop):
        return _drop(runner, context, tree, kind)
    assert isinstance(tree, exp.Alter)  # noqa: S101
    return _alter(runner, binder, tree, kind)


# CREATE -----------------------------------------------------------------------------------------------------------


def check_creation(creation: Creation) -> None:
    """Refuse by name what cannot be made."""
    if creation.temporary and creation.kind != "TABLE":
        raise not_implemented("temporary views")


def _create(runner: Runner, context: Context, creation: Creation) -> QueryResult:
    check_creation(creation)
    suffix = "_AS_SELECT" if creation.query is not None else ""
    result = QueryResult(f"CREATE_{creation.kind}{suffix}", referenced_tables=list(context.referenced))
    if creation.temporary:
        return _create_temporary(runner, context, creation, result)
    ref = context.table_ref(creation.parts)
    _begin(runner, ref, f"CREATE {creation.kind}")
    result.written_table = ref
    if runner.request.dry_run:
        result.schema = creation.fields
        return result
    runner.check(result)
    cursor = runner.session.cursor
    existing = catalog.find_table(cursor, ref)
    if existing is not None and creation.exists_ok:
        result.ddl_operation = "SKIP"
        return _with_schema(result, creation.fields)
    if creation.like is not None:
        source = context.table(creation.like)
        kept = ("schema", "timePartitioning", "clustering")
        creation.resource |= {key: deepcopy(source[key]) for key in kept if key in source}
    result.ddl_operation = "REPLACE" if existing is not None and creation.replace else "CREATE"
    make = catalog.replace_table if creation.replace else catalog.create_table
    made = make(cursor, ref, creation.resource)
    if creation.query is not None:
        runner.session.changed(ref, added=_fill(runner, context, creation, physical(ref)))
    return _with_schema(result, made["schema"]["fields"])


def _with_schema(result: QueryResult, fields: list[Json]) -> QueryResult:
    """The result of CREATE: the table's schema and no rows."""
    result.schema = fields
    result.rows = arrow_schema(result.schema).empty_table()
    return result


def _begin(runner: Runner, ref: TableRef, what: str) -> None:
    """Check the right to change the table, and hold the table for this session."""
    runner.authorize(ref, writes=True)
    if runner.session.in_transaction:
        raise invalid_query(
            f"{what} is not supported in a transaction. Only temporary tables can be created or dropped"
        )
    runner.target = ref
    if not runner.request.dry_run:
        runner.session.write({ref})


def _create_temporary(runner: Runner, context: Context, creation: Creation, result: QueryResult) -> QueryResult:
    name = creation.parts[-1].lower()
    if runner.request.dry_run:
        return result
    if name in runner.session.temp_tables and creation.exists_ok:
        result.ddl_operation = "SKIP"
        return result
    if name in runner.session.temp_tables and not creation.replace:
        raise invalid_query(f"Already Exists: Table {creation.parts[-1]}")
    runner.session.write()
    columns = [(str(field["name"]), field_type(field)) for field in creation.fields]
    listed = ", ".join(f"{quoted(column)} {kind.duckdb}" for column, kind in columns)
    if name in runner.session.temp_tables:
        runner.session.execute(f"DROP TABLE {temporary(name)}", {})
    runner.session.execute(f"CREATE TEMP TABLE {quoted(name)} ({listed})", {})
    if creation.query is not None:
        _fill(runner, context, creation, temporary(name))
    runner.session.temp_tables = runner.session.temp_tables | {name: columns}
    result.ddl_operation = "CREATE"
    return result


def _fill(runner: Runner, context: Context, creation: Creation, table: str) -> int:
    """Fill a new table with the rows of the creation's query, and return their number."""
    assert creation.query is not None  # noqa: S101
    columns = [Column(str(f["name"]), field_type(f), quoted(str(f["name"]))) for f in creation.fields]
    rows = conform(Binder(context), creation.query, columns)
    names = ", ".join(column.sql for column in columns)
    plan = Plan("INSERT", f"INSERT INTO {table} ({names}) {rows}", used=context.used)
    values = runner.values(plan)
    with optimised(runner.session, context.referenced, values):
        answer = runner.session.execute(plan.sql, values)
    return int(answer[0][0])


# DROP -------------------------------------------------------------------------------------------------------------


def check_drop(tree: exp.Drop, kind: str) -> None:
    """Refuse by name what cannot be dropped."""
    if kind not in ("TABLE", "VIEW") or len(tree.args["tables"]) != 1:
        raise not_implemented(f"DROP {kind}")


def _drop(runner: Runner, context: Context, tree: exp.Drop, kind: str) -> QueryResult:
    check_drop(tree, kind)
    result = QueryResult(f"DROP_{kind}")
    parts = [part.name for part in tree.args["tables"][0].parts]
    if len(parts) == 1 and parts[0].lower() in runner.session.temp_tables:
        runner.session.write()
        runner.session.execute(f"DROP TABLE {temporary(parts[0].lower())}", {})
        left = {name: c for name, c in runner.session.temp_tables.items() if name != parts[0].lower()}
        runner.session.temp_tables = left
        return result
    ref = context.table_ref(parts)
    _begin(runner, ref, f"DROP {kind}")
    result.written_table = ref
    resource = catalog.find_table(runner.session.cursor, ref)
    if resource is None:
        if not tree.args.get("exists"):
            raise not_found(f"Table {ref}")
        result.ddl_operation = "SKIP"
        return result
    if resource["type"] != kind:
        raise invalid_query(f"Cannot drop {ref} as a {kind}: it is a {resource['type']}")
    if not runner.request.dry_run:
        catalog.drop_table(runner.session.cursor, ref)
    result.ddl_operation = "DROP"
    return result


# ALTER ------------------------------------------------------------------------------------------------------------


def _alter(runner: Runner, binder: Binder, tree: exp.Alter, kind: str) -> QueryResult:
    ref = binder.context.table_ref([part.name for part in tree.this.parts])
    result = QueryResult(f"ALTER_{kind}", written_table=ref, ddl_operation="ALTER")
    _begin(runner, ref, f"ALTER {kind}")
    resource = catalog.find_table(runner.session.cursor, ref)
    if resource is None and tree.args.get("exists"):
        return result
    resource = deepcopy(catalog.get_table(runner.session.cursor, ref))
    changes = alteration(tree, resource.get("schema") or {"fields": []})
    expiration = changes.pop("partitionExpirationMs", None)
    if expiration is not None:
        changes["timePartitioning"] = resource.get("timePartitioning", {}) | {"expirationMs": expiration}
    if not runner.request.dry_run:
        catalog.patch_table(runner.session.cursor, ref, changes)
    return result


def alteration(tree: exp.Expr, schema: Json) -> Json:
    """The changes that ALTER TABLE makes to the resource of a table with that schema."""
    changes: Json = {}
    for action in tree.args["actions"]:
        changes |= _action(action, changes.get("schema") or schema)
    return changes


def _action(action: exp.Expr, schema: Json) -> Json:
    """The change of the resource by one action of ALTER TABLE."""
    if isinstance(action, exp.ColumnDef):
        known = {field["name"].lower() for field in schema["fields"]}
        if action.name.lower() in known:
            if action.args.get("exists"):
                return {}
            raise invalid_query(f"Column already exists: {action.name}")
        return {"schema": {"fields": [*schema["fields"], column_field(action)]}}
    if isinstance(action, exp.AlterSet):
        properties = [one for group in action.expressions for one in (group.expressions if group else [])]
        return read_options(properties, TABLE_OPTIONS)
    if isinstance(action, exp.AlterColumn) and action.args.get("drop") and action.args.get("allow_null"):
        fields = deepcopy(schema["fields"])
        for field in fields:
            if field["name"].lower() == action.name.lower():
                field["mode"] = "NULLABLE"
                return {"schema": {"fields": fields}}
        raise invalid_query(f"Column not found: {action.name}")
    raise not_implemented(f"ALTER TABLE {action.sql('bigquery')[:60]}")


# SCHEMA -----------------------------------------------------------------------------------------------------------


def check_schema(tree: exp.Expr) -> Json:
    """The properties that CREATE SCHEMA gives its dataset; refuses unknown options by name."""
    if isinstance(tree, exp.Drop):
        return {}
    if not isinstance(tree, exp.Create):
        raise not_implemented("ALTER SCHEMA")
    properties = tree.args["properties"].expressions if tree.args.get("properties") else []
    return read_options(properties, SCHEMA_OPTIONS)


def _schema(runner: Runner, tree: exp.Expr) -> QueryResult:
    resource = check_schema(tree)
    node = tree.args["tables"][0] if isinstance(tree, exp.Drop) else tree.this
    *projects, dataset = ".".join(part.name for part in node.parts).split(".")
    project = ".".join(projects) or runner.request.project
    ref = TableRef(project, dataset, "")
    verb = type(tree).__name__.upper()
    _begin(runner, ref, f"{verb} SCHEMA")
    result = QueryResult(f"{verb}_SCHEMA", ddl_operation=verb)
    if runner.request.dry_run:
        return result
    cursor = runner.session.cursor
    if isinstance(tree, exp.Drop):
        if tree.args.get("exists") and catalog.find_dataset(cursor, project, dataset) is None:
            result.ddl_operation = "SKIP"
        else:
            catalog.drop_dataset(cursor, project, dataset, delete_contents=bool(tree.args.get("cascade")))
        return result
    catalog.create_dataset(cursor, project, dataset, resource, exists_ok=bool(tree.args.get("exists")))
    return result
