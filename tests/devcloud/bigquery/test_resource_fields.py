"""Each field of a request is enforced, kept, refused by name or set by BigQuery, and values have the right type."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from google.cloud import bigquery
from google.cloud.bigquery.job import load as load_module

from devcloud.bigquery.model import BigQueryError
from devcloud.bigquery.rest.fields import Resource, read
from devcloud.bigquery.rest.resource_fields import RESOURCES

# The names that differ between the client and the API, and the values that the client makes of several fields.
RENAMED = {
    "full_dataset_id": "id",
    "quote_character": "quote",
    "access_entries": "access",
    "created": "creationTime",
    "modified": "lastModifiedTime",
    "expires": "expirationTime",
    "table_type": "type",
    "full_table_id": "id",
    "view_query": "view",
    "view_use_legacy_sql": "view",
    "mview_query": "materializedView",
    "mview_last_refresh_time": "materializedView",
    "mview_enable_refresh": "materializedView",
    "mview_refresh_interval": "materializedView",
    "mview_allow_non_incremental_definition": "materializedView",
    "partitioning_type": "timePartitioning",
    "partition_expiration": "timePartitioning",
    "clustering_fields": "clustering",
    "foreign_type_info": "schema",
    "destination": "destinationTable",
    "udf_resources": "userDefinedFunctionResources",
    "hive_partitioning": "hivePartitioningOptions",
    "destination_table_description": "destinationTableProperties",
    "destination_table_friendly_name": "destinationTableProperties",
    "field_type": "type",
    "is_nullable": "mode",
}

# Properties that are no fields: parts of the reference, which the path has, and an argument of the call.
NOT_FIELDS = {"dataset_id", "project", "path", "reference", "table_id", "access_policy_version"}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def properties(kind: type) -> set[str]:
    named = {name for name, member in inspect.getmembers(kind) if isinstance(member, property)}
    return {RENAMED.get(name, camel(name)) for name in named - NOT_FIELDS}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (bigquery.Dataset, ("Dataset",)),
        (bigquery.Table, ("Table",)),
        (bigquery.QueryJobConfig, ("JobConfigurationQuery", "JobConfiguration")),
        (load_module.LoadJobConfig, ("JobConfigurationLoad", "JobConfiguration")),
        (bigquery.CopyJobConfig, ("JobConfigurationTableCopy", "JobConfiguration")),
        (bigquery.SchemaField, ("TableFieldSchema",)),
        (bigquery.TimePartitioning, ("TimePartitioning",)),
        (bigquery.ParquetOptions, ("ParquetOptions",)),
    ],
)
def test_every_property_of_googles_client_is_listed(kind: type, names: tuple[str, ...]) -> None:
    listed = {field for name in names for field in RESOURCES[name].names()}
    assert properties(kind) - listed == set()


@pytest.mark.parametrize("name", RESOURCES)
def test_a_field_is_listed_once_and_its_type_is_known(name: str) -> None:
    resource = RESOURCES[name]
    assert sorted(resource.names()) == sorted(set(resource.names()))
    scalars = {"string", "int64", "integer", "boolean", "any", "map"}
    assert {kind.strip("[]{}") for kind in resource.kinds().values()} <= scalars | RESOURCES.keys()


def _refusals() -> list[tuple[str, str]]:
    return [(name, field) for name, resource in RESOURCES.items() for field in resource.refusals()]


@pytest.mark.parametrize(("name", "field"), _refusals())
def test_a_field_that_devcloud_lacks_is_refused_by_name_and_ignored_if_it_is_empty(name: str, field: str) -> None:
    for value in ("x", {"a": "x"}, ["x"], True, 7):
        with pytest.raises(BigQueryError, match=f"devcloud does not implement {field} of {name}") as refused:
            read(RESOURCES, name, {field: value}, nulls=False)
        assert (refused.value.reason, refused.value.status) == ("notImplemented", 501)
    nothing: tuple[Any, ...] = (None, "", [], {}, False, *RESOURCES[name].refusals()[field] - {""})
    for harmless in nothing:
        assert read(RESOURCES, name, {field: harmless}, nulls=False) == {}


SAMPLE = {
    "Thing": Resource(enforced="name:string size:int64 count:integer on:boolean labels:map inner:Inner list:[Inner]"),
    "Inner": Resource(enforced="id:string", output="etag"),
}


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ({"size": 5, "count": "5", "on": "true"}, {"size": "5", "count": 5, "on": True}),
        ({"size": 5.0, "name": 1.5}, {"size": "5", "name": "1.5"}),
        ({"frobnicate": 1, "inner": {"id": "a", "etag": "e", "foo": 2}}, {"inner": {"id": "a"}}),
        ({"labels": {"a": "b"}, "list": [{"id": "x"}]}, {"labels": {"a": "b"}, "list": [{"id": "x"}]}),
        ({"name": None}, {}),
    ],
)
def test_values_have_the_types_that_bigquery_answers_with(given: Any, understood: Any) -> None:
    assert read(SAMPLE, "Thing", given, nulls=False) == understood


def test_null_removes_a_field_in_a_patch() -> None:
    assert read(SAMPLE, "Thing", {"name": None, "inner": {"id": None}}, nulls=True) == {
        "name": None,
        "inner": {"id": None},
    }


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("text", "Thing"),
        ({"inner": "text"}, "inner"),
        ({"inner": []}, "inner"),
        ({"list": {"id": "x"}}, "list"),
        ({"list": ["x"]}, "list[0]"),
        ({"labels": ["x"]}, "labels"),
        ({"labels": {"a": 1}}, "labels"),
        ({"size": "many"}, "size"),
        ({"size": True}, "size"),
        ({"size": [1]}, "size"),
        ({"on": "yes"}, "on"),
        ({"on": 1}, "on"),
        ({"name": {}}, "name"),
        ({"inner": {"id": []}}, "inner.id"),
    ],
)
def test_value_of_another_type_is_invalid_and_named_by_its_path(given: Any, path: str) -> None:
    with pytest.raises(BigQueryError) as refused:
        read(SAMPLE, "Thing", given, nulls=False)
    assert (refused.value.reason, refused.value.status) == ("invalid", 400)
    assert path in refused.value.message
