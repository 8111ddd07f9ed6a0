"""BigQuery's rules for columns, partitioning and clustering, checked before a table is created or changed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from devcloud.bigquery.labels import check_labels
from devcloud.bigquery.model import BigQueryError, Json
from devcloud.bigquery.types import scalar_type

_FORBIDDEN = re.compile(r"""[!"$()*,./;?@\[\]\\^`{}~]""")
_RESERVED = ("_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER")
_MAX_NAME_LENGTH, _MAX_CLUSTERING = 300, 4
_PARTITIONING = ("DATE", "TIMESTAMP", "DATETIME")
_CLUSTERING = ("STRING", "INTEGER", "NUMERIC", "BOOLEAN", "DATE", "DATETIME", "TIMESTAMP")
_UNITS = ("HOUR", "DAY", "MONTH", "YEAR")


def check_table(resource: Json) -> None:
    """Raises invalid for a table with normal fields (columns.py) that BigQuery would not make."""
    fields = resource["schema"]["fields"]
    check_labels(resource.get("labels"))
    if resource["type"] == "TABLE":
        check_fields(fields)
        _check_partitioning(resource, fields)
        _check_clustering((resource.get("clustering") or {}).get("fields"), fields)


def check_fields(fields: Sequence[Json], path: str = "") -> None:
    """Raises invalid for columns that BigQuery does not allow, notImplemented for types that devcloud lacks."""
    seen: set[str] = set()
    for field in fields:
        name = str(field.get("name") or "")
        if not name or len(name) > _MAX_NAME_LENGTH or _FORBIDDEN.search(name):
            what = (
                f'Invalid field name "{path}{name}". Fields must contain the allowed characters, and be at most '
                "300 characters long. For allowed characters, please refer to "
                "https://cloud.google.com/bigquery/docs/schemas#column_names"
            )
            raise _invalid(what)
        if name.upper().startswith(_RESERVED):
            raise _invalid(f'Invalid field name "{path}{name}". Field names are not allowed to start with the prefix')
        if name.lower() in seen:
            raise _invalid(f"Field {path}{name} already exists in schema")
        seen.add(name.lower())
        if str(field.get("type") or "").upper() in ("RECORD", "STRUCT"):
            if not field.get("fields"):
                raise _invalid(f"Field {path}{name} is type RECORD but has no schema")
            check_fields(field["fields"], f"{path}{name}.")
        elif field.get("type"):
            scalar_type(str(field["type"]))


def _check_partitioning(resource: Json, fields: list[Json]) -> None:
    partitioning = resource.get("timePartitioning")
    if partitioning is None:
        if resource.get("requirePartitionFilter"):
            raise _invalid("Cannot require a partition filter of a table that is not partitioned")
        return
    if partitioning["type"] not in _UNITS:
        raise _invalid(f"Invalid value for type: {partitioning['type']} is not a valid value")
    name = partitioning.get("field")
    if not name:
        return
    found = [field for field in fields if field["name"].lower() == name.lower()]
    if not found:
        raise _invalid("The field specified for partitioning cannot be found in the schema.")
    if found[0]["type"] not in _PARTITIONING or found[0]["mode"] == "REPEATED":
        what = "The field specified for partitioning can only be of type TIMESTAMP, DATE or DATETIME"
        raise _invalid(f"{what}. The type found is: {found[0]['type']}.")
    if found[0]["type"] == "DATE" and partitioning["type"] == "HOUR":
        raise _invalid("The field specified for HOUR partitioning can only be of type TIMESTAMP or DATETIME")


def _check_clustering(names: list[str] | None, fields: list[Json]) -> None:
    if names is None:
        return
    if not 1 <= len(names) <= _MAX_CLUSTERING or len({name.lower() for name in names}) < len(names):
        raise _invalid(f"Clustering takes 1 to {_MAX_CLUSTERING} different fields")
    known = {field["name"].lower(): field for field in fields}
    for name in names:
        field = known.get(name.lower())
        if field is None:
            raise _invalid(f"The field specified for clustering cannot be found in the schema. Invalid field: {name}.")
        if field["type"] not in _CLUSTERING or field["mode"] == "REPEATED":
            kind = "REPEATED " * (field["mode"] == "REPEATED") + str(field["type"])
            raise _invalid(f"Clustering is not supported on the field {name} of type {kind}")


def _invalid(what: str) -> BigQueryError:
    return BigQueryError("invalid", what)
