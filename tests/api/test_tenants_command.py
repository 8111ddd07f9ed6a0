"""`python -m shared.commands.tenants`: the first tenant and its keys, checked by calls of the gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.stores.tenant_onboarding import TenantAdmission
from shared.commands.tenants import main
from shared.domain.requests.auth import API_KEY
from tests.support.commands import Said, environment, run
from tests.support.tenant import Api

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tenant_id() -> str:
    return f"tenant_{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def settings(cloud: Devcloud) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **cloud.ready["env"]}


def command(settings: dict[str, str], *arguments: str) -> Said:
    with environment(settings):
        return run(main, *arguments)


def asked(settings: dict[str, str], *arguments: str) -> dict[str, Any]:
    said = command(settings, *arguments, "--json")
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def status_of(cloud: Devcloud, tenant_id: str, api_key: str) -> int:
    """The gateway's status for the key. An instance keeps a valid key for a while, so a test sends each key once."""
    api = Api(cloud.ready["gateway"], api_key)
    answer = api.get(f"/api/v1/tenants/{tenant_id}/credentials")
    api.session.close()
    return int(answer.status_code)


def keys_of(client: bigquery.Client, tenant_id: str) -> list[dict[str, Any]]:
    rows = client.query_and_wait(
        "SELECT api_key_hash, is_active, expires_at, created_at FROM tenants.tenant_api_keys"
        " WHERE tenant_id = @tenant_id ORDER BY created_at",
        job_config=bigquery.QueryJobConfig(
            query_parameters=[bigquery.ScalarQueryParameter("tenant_id", "STRING", tenant_id)]
        ),
    )
    return [dict(row.items()) for row in rows]


def test_a_new_tenant_may_call_with_its_key(cloud: Devcloud, tenant_id: str) -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "shared.commands.tenants",
            "onboard",
            tenant_id,
            "--daily-limit",
            "7",
            "--concurrent-limit",
            "2",
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **cloud.ready["env"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (said.returncode, said.stderr) == (0, "")
    first_line, _, api_key = said.stdout.splitlines()
    assert first_line == f"{tenant_id}: ACTIVE, 7 runs a day, 2 at a time, 1 API key"
    assert API_KEY.fullmatch(api_key)
    assert status_of(cloud, tenant_id, api_key) == 200


def test_onboarding_again_changes_nothing_and_shows_no_key(
    settings: dict[str, str], bigquery_client: bigquery.Client, tenant_id: str
) -> None:
    first = asked(settings, "onboard", tenant_id)
    before = keys_of(bigquery_client, tenant_id)
    again = command(settings, "onboard", tenant_id, "--daily-limit", "99")
    assert again.returncode == 0
    assert f"{tenant_id}: ACTIVE, 25 runs a day, 3 at a time, 1 API key" in again.stdout
    assert "It was onboarded before; nothing is changed." in again.stdout
    assert "_api_" not in again.stdout
    assert keys_of(bigquery_client, tenant_id) == before
    assert first["api_key"] not in str(before)


def test_tenants_onboarded_at_the_same_time_exist_once_each(bigquery_client: bigquery.Client, tenant_id: str) -> None:
    """All commands write the same tables. A command whose transaction is aborted starts again."""
    tenants = TenantAdmission(warehouse_of(bigquery_client))
    others = [f"{tenant_id}_a", f"{tenant_id}_b"]

    def attempt(name: str) -> str | None:
        return tenants.onboard(name, company_name=name, daily_limit=1, concurrent_limit=1)

    with ThreadPoolExecutor(6) as threads:
        keys = list(threads.map(attempt, [*others, *[tenant_id] * 4]))
    assert keys[2:].count(None) == 3
    assert [len(keys_of(bigquery_client, name)) for name in (*others, tenant_id)] == [1, 1, 1]


def test_a_rotated_key_ends_after_its_overlap_or_at_once(
    cloud: Devcloud, settings: dict[str, str], bigquery_client: bigquery.Client, tenant_id: str
) -> None:
    first = asked(settings, "onboard", tenant_id)["api_key"]
    second = asked(settings, "rotate-key", tenant_id)["api_key"]
    before, after = keys_of(bigquery_client, tenant_id)
    hours = (before["expires_at"] - after["created_at"]).total_seconds() / 3600
    assert (before["is_active"], round(hours), after["expires_at"]) == (True, 24, None)
    third = asked(settings, "rotate-key", tenant_id, "--overlap-hours", "0")
    assert third["api_keys"] == 1
    assert [key["is_active"] for key in keys_of(bigquery_client, tenant_id)] == [False, False, True]
    assert [status_of(cloud, tenant_id, key) for key in (first, second, third["api_key"])] == [401, 401, 200]


def test_a_suspended_tenant_is_refused_until_it_is_resumed(
    cloud: Devcloud, settings: dict[str, str], tenant_id: str
) -> None:
    api_key = asked(settings, "onboard", tenant_id)["api_key"]
    for _ in range(2):
        assert asked(settings, "suspend", tenant_id)["status"] == "SUSPENDED"
    assert status_of(cloud, tenant_id, api_key) == 403
    assert asked(settings, "resume", tenant_id)["status"] == "ACTIVE"


def test_limits_are_changed_one_by_one(settings: dict[str, str], tenant_id: str) -> None:
    asked(settings, "onboard", tenant_id)
    changed = asked(settings, "limits", tenant_id, "--daily-limit", "40")
    assert (changed["daily_limit"], changed["concurrent_limit"]) == (40, 3)
    assert asked(settings, "show", tenant_id) == changed


@pytest.mark.parametrize("name", ["rotate-key", "limits", "suspend", "resume", "show"])
def test_an_unknown_tenant_is_named_in_the_error(settings: dict[str, str], tenant_id: str, name: str) -> None:
    said = command(settings, name, tenant_id)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == f"there is no tenant {tenant_id}; `onboard` makes one\n"


@pytest.mark.parametrize("tenant_id", ["x_staging", "tenants", "Acme", "a"])
def test_an_invalid_tenant_id_is_refused_in_one_line(settings: dict[str, str], tenant_id: str) -> None:
    said = command(settings, "onboard", tenant_id)
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert said.stderr.startswith("stopped: tenant_id: must be a lowercase letter")
