"""Compares the schema of arriving rows with the table's: which fields fit, may be added, or are refused."""

from __future__ import annotations

from devcloud.bigquery.columns import normal_field
from devcloud.bigquery.model import BigQueryError, Json, TableRef


def merged_fields(ref: TableRef, existing: list[Json], schema: list[Json]) -> list[Json]:
    """The table's fields, followed by the fields that only the rows have."""
    coming = {str(new["name"]).lower(): normal_field(new) for new in schema}
    merged = []
    for old in existing:
        new = coming.pop(str(old["name"]).lower(), None)
        merged.append(old if new is None else _merged_one(ref, old, new))
    return merged + [new | {"mode": "NULLABLE"} if new["mode"] == "REQUIRED" else new for new in coming.values()]


def _merged_one(ref: TableRef, old: Json, new: Json) -> Json:
    name = old["name"]
    if old["type"] != new["type"] and (old["type"], new["type"]) != ("JSON", "STRING"):
        raise mismatch(ref, f"Field {name} has changed type from {old['type']} to {new['type']}")
    if (old["mode"] == "REPEATED") != (new["mode"] == "REPEATED"):
        raise mismatch(ref, f"Field {name} has changed mode from {old['mode']} to {new['mode']}")
    if old["type"] != "RECORD":
        return old
    return old | {"fields": merged_fields(ref, old["fields"], new["fields"])}


def first_new(existing: list[Json], merged: list[Json], prefix: str = "") -> str:
    """The dotted name of the first field that `merged` has and `existing` has not."""
    for position, new in enumerate(merged):
        if position >= len(existing):
            return prefix + str(new["name"])
        if new != existing[position]:
            return first_new(existing[position]["fields"], new["fields"], f"{prefix}{new['name']}.")
    return prefix


def mismatch(ref: TableRef, what: str) -> BigQueryError:
    """BigQuery's error for rows that do not fit the table."""
    return BigQueryError("invalid", f"Provided Schema does not match Table {ref}. {what}")


def differ(old: list[Json], new: list[Json]) -> bool:
    """Whether two schemas differ, so that a table with one cannot hold rows of the other."""
    return _shape(old) != _shape([normal_field(field) for field in new])


def _shape(fields: list[Json]) -> list[object]:
    return [(f["name"], f["type"], f["mode"], _shape(f.get("fields", []))) for f in fields]
