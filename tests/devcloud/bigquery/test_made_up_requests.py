"""Requests generated from a seed, with values of every kind in every field, never get 500."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from google.cloud import bigquery

from devcloud.bigquery.rest.resource_fields import RESOURCES
from devcloud.bigquery.service import BigQuery
from tests.devcloud.bigquery.conftest import PLATFORM
from tests.devcloud.bigquery.test_odd_requests import Rest

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 2.5, 1e300, 2**70, "", "x", "7", "true", "US", "MOON", "a b", "é", "\0", "x" * 2000),
    *([], [None], ["x"], [{}], [[1]], {}, {"a": "b"}, {"a": None}, {"A b": {}}, {"fields": [{}]}, {"fields": None}),
)
TEXTS = ("SELECT 1", "SELECT @p", "SELECT * FROM d.t", "INSERT d.t VALUES (1)", "SELECT", "DROP TABLE d.t", ";;", "")
NAMES = ("t", "t$20250101", "t$x", "t@-1000", "t*", "a.b", "__TABLES__", "_x", "é", "x" * 1025, "a b", "%", "$", "@")
ARGUMENTS = ("", "?maxResults=-1", "?maxResults=x", "?pageToken=x", "?startIndex=-2", "?selectedFields=a.b,,", "?all=1")


class MadeUp:
    """Generates bodies for a resource, with most fields valid."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - no secret is generated

    def body(self, name: str, depth: int = 3) -> Any:
        if self.random.random() < 0.05:
            return self.random.choice(ODD)
        resource = RESOURCES[name]
        kinds = resource.kinds() | dict.fromkeys([*resource.refusals(), *resource.output.split()], "any")
        chosen = [field for field in kinds if self.random.random() < min(0.9, 3 / len(kinds))]
        return {field: self.value(field, kinds[field], depth) for field in chosen}

    def value(self, field: str, kind: str, depth: int) -> Any:
        if self.random.random() < 0.3 or depth == 0:
            return self.random.choice(ODD)
        if kind.startswith("["):
            return [self.value(field, kind[1:-1], depth - 1) for _ in range(self.random.randrange(3))]
        if kind.startswith("{"):
            return {"a": self.value(field, kind[1:-1], depth - 1)}
        if kind in RESOURCES:
            return self.body(kind, depth - 1)
        return self._scalar(field, kind)

    def _scalar(self, field: str, kind: str) -> Any:
        if field in ("projectId", "datasetId", "tableId", "jobId"):
            known = {"projectId": PLATFORM, "datasetId": "made_up", "tableId": "t", "jobId": "j"}
            return self.random.choice((known[field], known[field], *NAMES))
        if field == "query":
            return self.random.choice(TEXTS)
        if field == "type":
            return self.random.choice(("STRING", "INT64", "RECORD", "DATE", "JSON", "BIGNUMERIC", "DAY", "x"))
        given = {"boolean": (True, "false"), "int64": ("5", 5), "integer": (5,), "map": ({"a": "b"}, {"A": "B"})}
        return self.random.choice(given.get(kind, ("US", "x", "NULLABLE", "WRITE_APPEND", "CSV")))


def requests(seed: int, count: int) -> list[tuple[str, str, Any]]:
    made = MadeUp(seed)
    choose = made.random.choice
    table = "/datasets/made_up/tables"
    forms: tuple[tuple[str, Callable[[], str], str | None], ...] = (
        ("POST", lambda: "/datasets", "Dataset"),
        ("PATCH", lambda: "/datasets/made_up", "Dataset"),
        ("POST", lambda: table, "Table"),
        ("PATCH", lambda: f"{table}/{quote(choose(NAMES))}", "Table"),
        ("PUT", lambda: f"{table}/{quote(choose(NAMES))}", "Table"),
        ("POST", lambda: f"{table}/{quote(choose(NAMES))}/insertAll", "TableDataInsertAllRequest"),
        ("POST", lambda: "/queries", "QueryRequest"),
        ("POST", lambda: "/jobs", "Job"),
        ("GET", lambda: f"{table}/{quote(choose(NAMES))}{choose(ARGUMENTS)}", None),
        ("GET", lambda: f"{table}/{quote(choose(NAMES))}/data{choose(ARGUMENTS)}", None),
        ("GET", lambda: f"{choose(('/jobs', '/datasets', table))}{choose(ARGUMENTS)}", None),
        ("GET", lambda: f"/queries/{quote(choose(NAMES))}{choose(ARGUMENTS)}", None),
    )
    found = []
    for _ in range(count):
        method, path, resource = choose(forms)
        found.append((method, path(), made.body(resource) if resource else None))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_no_made_up_request_ends_in_500(client: bigquery.Client, service: BigQuery, seed: int) -> None:
    rest = Rest(client, service)
    client.create_dataset("made_up", exists_ok=True)
    client.create_table(
        bigquery.Table(f"{PLATFORM}.made_up.t", schema=[bigquery.SchemaField("a", "INT64")]), exists_ok=True
    )
    failed = []
    for method, path, body in requests(seed, 120):
        status, reason, message = rest.ask(method, path, body)
        if status >= 500 and reason != "notImplemented":
            failed.append((method, path, body, message))
    assert failed == []
    ended = [job.error_result for job in client.list_jobs(all_users=True) if job.error_result]
    assert [error for error in ended if error["reason"] == "devcloudError"] == []
    client.delete_dataset("made_up", delete_contents=True)
