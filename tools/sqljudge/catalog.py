"""Makes the analyser's tables from the REST schema fields of configs/tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from zetasql.api import TypeFactory
from zetasql.types import (
    LanguageFeature,
    LanguageOptions,
    NameResolutionMode,
    ProductMode,
    SimpleCatalog,
    SimpleColumn,
    SimpleTable,
    Type,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)

from tools.sqljudge.wasm import service

Field = Mapping[str, Any]
Tables = Mapping[tuple[str, str], Sequence[Field]]

_KINDS = {"INTEGER": "INT64", "FLOAT": "DOUBLE", "FLOAT64": "DOUBLE", "BOOLEAN": "BOOL"}

# Features that BigQuery does not have. They are switched off, so that the analyser refuses them.
_NOT_BIGQUERY = {
    "AGGREGATE_FILTERING",
    "ARRAY_EQUALITY",
    "ARRAY_FIND_FUNCTIONS",
    "ARRAY_ORDERING",
    "DML_RETURNING",
    "FOR_UPDATE",
    "INSERT_ON_CONFLICT_CLAUSE",
    "JSON_TYPE_COMPARISON",
    "LATERAL_JOIN",
    "LIMIT_OFFSET_EXPRESSIONS",
    "MULTILEVEL_AGGREGATION",
    "TIMESTAMP_NANOS",
    "TIMESTAMP_PICOS",
    "UUID_TYPE",
}


@cache
def language() -> LanguageOptions:
    """The options that bring the analyser's language nearest to BigQuery's."""
    options = service().get_language_options(maximum_features=True)
    banned = {getattr(LanguageFeature, f"FEATURE_{name}") for name in _NOT_BIGQUERY}
    options.enabled_language_features = [item for item in options.enabled_language_features if item not in banned]
    options.product_mode = ProductMode.PRODUCT_EXTERNAL
    options.name_resolution_mode = NameResolutionMode.NAME_RESOLUTION_DEFAULT
    options.supported_statement_kinds = []  # an empty list means all kinds
    options.reserved_keywords = ["QUALIFY"]
    return options


def field_type(field: Field) -> Type:
    """The type of a column or parameter: {"type", "mode", "fields"} as in tables.get."""
    kind = field["type"]
    if kind == "RECORD":
        base = TypeFactory.create_struct_type([(item["name"], field_type(item)) for item in field["fields"]])
    else:
        base = simple_type(kind)
    return TypeFactory.create_array_type(base) if field.get("mode") == "REPEATED" else base


def simple_type(kind: str) -> Type:
    """A scalar type by BigQuery's name, old or new: INTEGER and INT64 are the same."""
    return TypeFactory.create_simple_type(getattr(TypeKind, f"TYPE_{_KINDS.get(kind, kind)}"))


def parameter_type(kind: str) -> Type:
    """The type of a parameter as `-- param:` lines spell it: STRING or ARRAY<DATE>."""
    if kind.startswith("ARRAY<"):
        return TypeFactory.create_array_type(simple_type(kind[6:-1]))
    return simple_type(kind)


def build_catalog(tables: Tables) -> SimpleCatalog:
    """A catalog that knows `dataset`.table for each table."""
    options = ZetaSQLBuiltinFunctionOptions(language_options=language())
    root = SimpleCatalog(name="root", builtin_function_options=options)
    datasets: dict[str, SimpleCatalog] = {}
    for (dataset, name), fields in tables.items():
        if dataset not in datasets:
            datasets[dataset] = SimpleCatalog(name=dataset)
            root.catalog.append(datasets[dataset])
        datasets[dataset].table.append(build_table(name, [(field["name"], field_type(field)) for field in fields]))
    return root


def build_table(name: str, columns: Sequence[tuple[str, Type]]) -> SimpleTable:
    """The analyser's table with this name and these fields."""
    return SimpleTable(
        name=name,
        name_in_catalog=name,
        column=[SimpleColumn(name=column, type=kind, is_writable_column=True) for column, kind in columns],
    )
