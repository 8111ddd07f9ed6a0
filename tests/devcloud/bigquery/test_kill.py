from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

from devcloud.identity.credentials import credentials_of

PROJECT = "killed-project"
ENDLESS = """
  SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 200000)) a, UNNEST(GENERATE_ARRAY(1, 200000)) b WHERE a * b = 7
"""


@contextmanager
def _serving(state_dir: Path) -> Iterator[bigquery.Client]:
    """A client of a process that is killed at the end."""
    command = [sys.executable, "-m", "tests.support.devcloud.bigquery_process", str(state_dir), PROJECT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield bigquery.Client(
                project=PROJECT,
                location="US",
                credentials=credentials_of(ready["key"]),
                client_options=ClientOptions(api_endpoint=ready["url"]),
            )
        finally:
            process.kill()


def test_acknowledged_writes_survive_kill_9(tmp_path: Path) -> None:
    with _serving(tmp_path) as client:
        client.create_dataset("d")
        client.create_table(bigquery.Table(f"{PROJECT}.d.t", schema=[SchemaField("n", "INT64")]))
        client.insert_rows_json("d.t", [{"n": 1}])
        client.query("INSERT INTO d.t (n) VALUES (2)", job_id="insert-1", job_retry=None).result()
        client.query("SELECT n FROM d.t ORDER BY n", job_id="select-1", job_retry=None).result()
        client.query(ENDLESS, job_id="endless-1", job_retry=None)
    with _serving(tmp_path) as client:
        assert client.get_table("d.t").num_rows == 2
        selected = client.get_job("select-1")
        assert isinstance(selected, bigquery.QueryJob)
        assert [row["n"] for row in selected.result()] == [1, 2]
        inserted = client.get_job("insert-1")
        assert isinstance(inserted, bigquery.QueryJob)
        assert inserted.num_dml_affected_rows == 1
        with pytest.raises(exceptions.Conflict):
            client.query("INSERT INTO d.t (n) VALUES (2)", job_id="insert-1", job_retry=None)
        assert client.get_job("endless-1").error_result["reason"] == "stopped"
