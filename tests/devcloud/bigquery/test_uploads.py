from __future__ import annotations

import uuid
from typing import Any

import pytest
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

from devcloud.bigquery.service import BigQuery
from tests.devcloud.bigquery.conftest import PLATFORM, ClientOf


class Upload:
    """A resumable upload in single requests, which the client makes only for very large files."""

    def __init__(self, client: bigquery.Client, service: BigQuery, table: str) -> None:
        self.http = AuthorizedSession(client._credentials)
        dataset, _, name = table.partition(".")
        load = {
            "destinationTable": {"projectId": PLATFORM, "datasetId": dataset, "tableId": name},
            "sourceFormat": "NEWLINE_DELIMITED_JSON",
            "schema": {"fields": [{"name": "n", "type": "INTEGER"}]},
        }
        self.job_id = f"upload-{uuid.uuid4().hex}"
        body = {
            "configuration": {"load": load},
            "jobReference": {"projectId": PLATFORM, "jobId": self.job_id, "location": "US"},
        }
        url = f"{service.url}/upload/bigquery/v2/projects/{PLATFORM}/jobs?uploadType=resumable"
        self.url = self.http.post(url, json=body).headers["Location"]

    def put(self, data: bytes, content_range: str) -> Any:
        return self.http.put(self.url, data=data, headers={"Content-Range": content_range}, allow_redirects=False)


@pytest.fixture
def upload(client: bigquery.Client, service: BigQuery, dataset: str) -> Upload:
    return Upload(client, service, f"{dataset}.t")


def _numbers(client: bigquery.Client, dataset: str) -> list[int]:
    return sorted(row["n"] for row in client.list_rows(client.get_table(f"{dataset}.t")))


def test_chunks_of_unknown_total_are_put_together(client: bigquery.Client, upload: Upload, dataset: str) -> None:
    first, second = b'{"n": 1}\n{"n"', b": 2}\n"
    answer = upload.put(first, f"bytes 0-{len(first) - 1}/*")
    assert (answer.status_code, answer.headers["Range"]) == (308, f"bytes=0-{len(first) - 1}")
    total = len(first) + len(second)
    answer = upload.put(second, f"bytes {len(first)}-{total - 1}/{total}")
    assert (answer.status_code, answer.json()["jobReference"]["jobId"]) == (200, upload.job_id)
    client.get_job(upload.job_id).result()
    assert _numbers(client, dataset) == [1, 2]


def test_an_interrupted_upload_returns_the_number_of_received_bytes(
    client: bigquery.Client, upload: Upload, dataset: str
) -> None:
    data = b'{"n": 1}\n{"n": 2}\n'
    upload.put(data[:9], f"bytes 0-8/{len(data)}")
    asked = upload.put(b"", f"bytes */{len(data)}")
    assert (asked.status_code, asked.headers["Range"]) == (308, "bytes=0-8")
    for _ in range(2):  # a lost answer makes the client send the last chunk again
        answer = upload.put(data[9:], f"bytes 9-{len(data) - 1}/{len(data)}")
        assert answer.status_code == 200
    client.get_job(upload.job_id).result()
    assert _numbers(client, dataset) == [1, 2]


def test_an_upload_belongs_to_the_account_that_began_it(client_of: ClientOf, upload: Upload) -> None:
    stranger = AuthorizedSession(client_of("tenant-project", "exporter")._credentials)
    assert stranger.put(upload.url, data=b"x", headers={"Content-Range": "bytes 0-0/1"}).status_code == 404


def test_a_table_without_columns_gets_those_of_its_first_load(client: bigquery.Client, dataset: str) -> None:
    client.create_table(f"{PLATFORM}.{dataset}.t")
    config = bigquery.LoadJobConfig(
        source_format="NEWLINE_DELIMITED_JSON",
        schema=[SchemaField("n", "INT64")],
        schema_update_options=["ALLOW_FIELD_ADDITION"],
    )
    client.load_table_from_json([{"n": 5}], f"{dataset}.t", job_config=config).result()
    assert _numbers(client, dataset) == [5]
