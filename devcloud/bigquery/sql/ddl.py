"""CREATE, DROP and ALTER: turns a statement into a REST resource and applies it through the catalog."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from devcloud.bigquery.model import Json, TableRef, invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.casts import precision, type_of
from devcloud.bigquery.sql.options import read_options
from devcloud.bigquery.sql.partition_clause import partitioning
from devcloud.bigquery.sql.scope import Relation, Scope
from devcloud.bigquery.types import to_field


@dataclass
class Creation:
    """The resource of a CREATE TABLE or CREATE VIEW; `query` is that of a CREATE TABLE AS SELECT."""

    parts: list[str]
    resource: Json
    kind: str
    replace: bool = False
    exists_ok: bool = False
    temporary: bool = False
    query: Relation | None = None
    like: TableRef | None = None
    fields: list[Json] = field(default_factory=list)


def bind_create(binder: Binder, node: exp.Create, text: str) -> Creation:
    """CREATE [OR REPLACE] [TEMP] TABLE, CREATE VIEW."""
    schema = node.this
    table = schema.this if isinstance(schema, exp.Schema) else schema
    properties = node.args["properties"].expressions if node.args.get("properties") else []
    kind = str(node.args["kind"]).upper()
    if kind not in ("TABLE", "VIEW") or node.args.get("clone"):
        raise not_implemented(f"CREATE {'TABLE CLONE or COPY' if node.args.get('clone') else kind}")
    creation = Creation(
        parts=[part.name for part in table.parts],
        resource={},
        kind=kind,
        replace=bool(node.args.get("replace")),
        exists_ok=bool(node.args.get("exists")),
        temporary=any(isinstance(p, exp.TemporaryProperty) for p in properties),
    )
    if node.expression is not None:
        creation.query = binder.query(node.expression, Scope())
    if kind == "VIEW" and isinstance(schema, exp.Schema):
        raise not_implemented("CREATE VIEW with a list of columns")
    fields = _declared(schema) if isinstance(schema, exp.Schema) else _selected(creation.query)
    creation.fields = fields
    creation.resource = _described(properties, fields) | {"schema": {"fields": fields}}
    if kind == "VIEW":
        creation.query = None
        creation.resource["view"] = {"query": _body(text), "useLegacySql": False}
    creation.like = _liked(binder, properties)
    return creation


def _body(text: str) -> str:
    """The text of a view's query: what follows the first AS outside parentheses."""
    from devcloud.bigquery.sql.script import body_after_as

    return body_after_as(text)


def _liked(binder: Binder, properties: list[exp.Expr]) -> TableRef | None:
    for one in properties:
        if isinstance(one, exp.LikeProperty):
            return binder.context.table_ref([part.name for part in one.this.parts])
    return None


def _declared(schema: exp.Schema) -> list[Json]:
    fields = []
    for column in schema.expressions:
        if not isinstance(column, exp.ColumnDef):
            raise not_implemented(f"the table element {column.sql('bigquery')[:60]}")
        fields.append(column_field(column))
    names = [f["name"].lower() for f in fields]
    for name in names:
        if names.count(name) > 1:
            raise invalid_query(f"Duplicate column name {name} in CREATE TABLE")
    return fields


def column_field(column: exp.ColumnDef) -> Json:
    """The REST field of a column definition."""
    kind_node = column.args["kind"]
    if kind_node is None:
        raise invalid_query(f"Syntax error: column {column.name} has no type")
    described = to_field(column.name, type_of(kind_node))
    if isinstance(kind_node, exp.DataType) and precision(kind_node) is not None:
        raise not_implemented(f"the parameterised column type {kind_node.sql('bigquery')}")
    for constraint in column.args.get("constraints") or []:
        rule = constraint.kind
        if isinstance(rule, exp.NotNullColumnConstraint) and not rule.args.get("allow_null"):
            described["mode"] = "REQUIRED"
        elif isinstance(rule, exp.Properties):
            described |= read_options(rule.expressions, ("description",))
        else:
            raise not_implemented(f"the column constraint {rule.sql('bigquery')[:60]}")
    return described


def _selected(query: Relation | None) -> list[Json]:
    if query is None:
        return []
    fields = []
    for at, column in enumerate(query.columns):
        if at in query.anonymous and not query.is_value:
            raise invalid_query(f"CREATE TABLE columns must be named, but column {at + 1} has no name")
        fields.append(to_field(column.name, column.type))
    return fields


def _described(properties: list[exp.Expr], fields: list[Json]) -> Json:
    """Add partitioning, clustering and options to the resource."""
    resource: Json = {}
    plain = []
    for one in properties:
        if isinstance(one, exp.PartitionedByProperty):
            resource |= partitioning(one.this, fields)
        elif isinstance(one, exp.ClusterProperty):
            resource["clustering"] = {"fields": [item.name for item in one.expressions]}
        elif type(one) in (exp.Property, exp.LocationProperty):
            plain.append(one)
        elif not isinstance(one, (exp.TemporaryProperty, exp.LikeProperty)):
            raise not_implemented(f"the table property {one.sql('bigquery')[:60]}")
    options = read_options(plain, TABLE_OPTIONS)
    expiration = options.pop("partitionExpirationMs", None)
    if expiration is not None:
        if "timePartitioning" not in resource:
            raise invalid_query("Partition expiration can only be set on partitioned tables")
        resource["timePartitioning"]["expirationMs"] = expiration
    return resource | options


TABLE_OPTIONS = (
    "description",
    "friendly_name",
    "labels",
    "expiration_timestamp",
    "partition_expiration_days",
    "require_partition_filter",
)
SCHEMA_OPTIONS = ("description", "friendly_name", "labels", "location", "default_table_expiration_days")
