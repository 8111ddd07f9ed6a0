"""test_e2e_complete.py as a process of its own, checked by its exit code and output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.cloud import bigquery

from devcloud.environment import closed_way_out
from devcloud.server import Devcloud
from test_e2e_complete import parse_arguments
from tests.support.tenant import Tenant

ROOT = Path(__file__).resolve().parents[2]
CLOSED_PORT = "http://127.0.0.1:9"


def run_script(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "test_e2e_complete.py", *arguments],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip


@pytest.mark.timeout(180)
def test_all_flows_pass_on_a_cloud_that_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run_script(TMPDIR=str(tmp_path), FORCE_COLOR="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b[32m6 passed, 0 failed" in done.stdout  # in green
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("live_dispatcher")
def test_a_test_of_a_platform_without_its_run_function_fails_there_and_cleans_up(
    cloud: Devcloud, tenant: Tenant, bigquery_client: bigquery.Client, tmp_path: Path
) -> None:
    urls = {name: f"{cloud.ready['gateway']}/{name}" for name in cloud.platform.functions}
    (tmp_path / "urls.json").write_text(json.dumps(urls | {"run_pipeline": CLOSED_PORT}))
    (tmp_path / "key.json").write_text(json.dumps(tenant.gcp_key))
    done = run_script(
        "--urls", str(tmp_path / "urls.json"), "--project", cloud.project, "--gcp-key", str(tmp_path / "key.json"),
        "--export-table", tenant.export.table, "--date", "2025-11-16",
        CONVERGENCE_ADMIN_KEY=cloud.ready["admin_key"],
        GOOGLE_APPLICATION_CREDENTIALS=cloud.ready["env"]["GOOGLE_APPLICATION_CREDENTIALS"],
        BIGQUERY_EMULATOR_HOST=cloud.ready["bigquery"],
        **closed_way_out(cloud.cloud),
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    outcomes = [line.split()[0] for line in done.stdout.partition("Summary")[2].splitlines() if line.startswith("  ")]
    assert outcomes == ["PASS", "PASS", "FAIL", "FAIL", "PASS", "PASS"], done.stdout
    left = bigquery_client.query_and_wait("SELECT tenant_id FROM tenants.tenant_profiles WHERE tenant_id LIKE 'e2e%'")
    assert [row["tenant_id"] for row in left] == []


def test_deployed_platform_needs_every_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parse_arguments(["--urls", "urls.json", "--project", "p"])
    assert (refused.value.code, "--urls needs --gcp-key" in capsys.readouterr().err) == (2, True)
