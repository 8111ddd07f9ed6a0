"""Requests that no client sends are refused as BigQuery refuses them, or as not implemented."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from google.cloud.bigquery import LoadJobConfig, SchemaField

from devcloud.bigquery.service import BigQuery
from tests.devcloud.bigquery.conftest import PLATFORM

MOST = "99999999999999999999999999999.999999999"
DEEP = 5_000


class Rest:
    """Calls the REST API without the client, which would check requests before it sends them."""

    def __init__(self, client: bigquery.Client, service: BigQuery) -> None:
        self._session = AuthorizedSession(client._credentials)
        self._base = f"{service.url}/bigquery/v2/projects/{PLATFORM}"

    def ask(self, method: str, path: str, body: Any = None, *, text: str | None = None) -> tuple[int, str, str]:
        """Send the request, and return the answer's status, reason and message."""
        data = text if text is not None else None if body is None else json.dumps(body)
        answer = self._session.request(method, self._base + path, data=data)
        error = answer.json().get("error") or {"message": "", "errors": [{"reason": ""}]}
        return answer.status_code, error["errors"][0]["reason"], error["message"]


@pytest.fixture(scope="module")
def rest(client: bigquery.Client, service: BigQuery) -> Rest:
    return Rest(client, service)


def _query(sql: str, **more: Any) -> dict[str, Any]:
    return {"query": sql, "useLegacySql": False} | more


@pytest.mark.parametrize("value", ["-1", "abc", "²", "1e3", "0x10"])
def test_a_field_with_an_invalid_number_is_named(rest: Rest, value: str) -> None:
    refused = (400, "invalid", f"Invalid value for maxResults: {value}")
    assert rest.ask("GET", f"/datasets?maxResults={value}") == refused
    assert rest.ask("POST", "/queries", _query("SELECT 1", maxResults=value)) == refused
    status, reason, message = rest.ask("POST", "/queries", _query("SELECT 1", timeoutMs=value))
    assert (status, reason, message) == (400, "invalid", f"Invalid value for timeoutMs: {value}")


@pytest.mark.parametrize(
    ("field", "refused"),
    [
        ({"type": "INT64"}, (400, "required", "Required parameter is missing: schema.fields.name")),
        ({"name": "a"}, (400, "required", "Required parameter is missing: schema.fields.type")),
        ({"name": "a", "type": "INT64", "mode": "MANY"}, (400, "invalid", "Invalid value for mode: MANY is not a")),
        ({"name": "a", "type": "GEOMETRY"}, (400, "invalid", "Invalid value for type: GEOMETRY is not a valid value")),
        ({"name": "a", "type": "BIGNUMERIC"}, (501, "notImplemented", "devcloud does not implement the type")),
    ],
)
def test_an_invalid_column_creates_no_table(
    rest: Rest, dataset: str, field: dict[str, str], refused: tuple[int, str, str]
) -> None:
    table = {"tableReference": {"tableId": "t"}, "schema": {"fields": [field]}}
    status, reason, message = rest.ask("POST", f"/datasets/{dataset}/tables", table)
    assert (status, reason, message[: len(refused[2])]) == refused
    assert rest.ask("GET", f"/datasets/{dataset}/tables/t")[0] == 404


def test_an_unknown_disposition_writes_nothing(client: bigquery.Client, dataset: str) -> None:
    schema = [SchemaField("n", "INT64")]
    for option in {"write_disposition": "WRITE_OVER"}, {"create_disposition": "CREATE_ALWAYS"}:
        config = LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", schema=schema, **option)
        job = client.load_table_from_file(io.BytesIO(b'{"n": 1}\n'), f"{dataset}.t", job_config=config)
        with pytest.raises(exceptions.BadRequest, match="Invalid value for"):
            job.result()
    with pytest.raises(exceptions.NotFound):
        client.get_table(f"{dataset}.t")


def test_a_missing_label_can_be_removed(client: bigquery.Client, dataset: str) -> None:
    found = client.get_dataset(dataset)
    found.labels = {"team": "blue", "env": None}
    assert client.update_dataset(found, ["labels"]).labels == {"team": "blue"}


@pytest.mark.parametrize("value", [MOST, f"-{MOST}"])
def test_the_largest_numeric_is_accepted_and_the_next_one_is_not(
    client: bigquery.Client, dataset: str, value: str
) -> None:
    client.create_table(bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("n", "NUMERIC")]))
    assert client.insert_rows_json(f"{dataset}.t", [{"n": value}]) == []
    assert [str(row["n"]) for row in client.list_rows(f"{dataset}.t")] == [value]
    assert client.insert_rows_json(f"{dataset}.t", [{"n": f"{value}9"}])[0]["errors"][0]["location"] == "n"


@pytest.mark.parametrize("location", ["US", "EU"])
def test_a_too_deeply_nested_request_is_refused_and_the_server_continues(
    rest: Rest, client: bigquery.Client, dataset: str, location: str
) -> None:
    elsewhere = bigquery.Dataset(f"{PLATFORM}.{dataset}_{location}")
    elsewhere.location = location  # with datasets in several locations a query must name its location
    client.create_dataset(elsewhere)
    assert rest.ask("POST", "/queries", text='{"query":' + "[" * 100_000)[:2] == (400, "parseError")
    nested = "SELECT " + "(" * DEEP + "1" + ")" * DEEP
    for sql in nested, "SELECT " + " + ".join(["1"] * DEEP):
        status, reason, message = rest.ask("POST", "/queries", _query(sql))
        assert (status, reason) == (501, "notImplemented")
        assert message == "devcloud does not implement statements nested this deeply"
    assert rest.ask("POST", "/queries", _query("SELECT 1"))[0] == 200
