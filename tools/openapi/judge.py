"""Lets schemathesis call the real functions on a local cloud, with valid and invalid requests."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from devcloud.demo.frontend import Frontend
from devcloud.onboarding import onboard
from devcloud.seed_billing.export import Target, write_export
from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud
from shared.configuration.platform_config import get_platform
from tools.openapi.document import DOCUMENT

TENANT, PROJECT = "acme_corp_12312025", "acme-gcp-project"
DAILY_LIMIT = 60  # runs are accepted at first, and later the limit is used up
EXPORT = Plan(seed=7, start=date(2025, 11, 14), days=4, rows_per_day=20)
# The judge sends more requests a minute with one key than the limits allow a tenant.
_LIMITS = {"REQUESTS_AT_ONCE": "1000000", "QUERIES_AT_ONCE": "1000000", "LOOK_SECONDS": "0"}
_UNLIMITED = {name: _LIMITS for name, function in get_platform().functions.items() if function.access == "public"}
TEMPLATE = {"provider": "gcp", "domain": "cost", "template": "billing"}
CONFIG, HOOKS = (Path(__file__).with_name(name) for name in ("schemathesis.toml", "hooks.py"))


def main() -> int:
    """Judge the API; returns the exit status of schemathesis."""
    parser = argparse.ArgumentParser(prog="python -m tools.openapi.judge", description=__doc__)
    parser.add_argument("schemathesis", type=Path, help="the command, in an environment of its own")
    tool = parser.parse_args().schemathesis
    with (
        TemporaryDirectory(prefix="convergence-judge-") as folder,
        Devcloud(Path(folder), schedules=False, function_env=_UNLIMITED) as cloud,
    ):
        cloud.warm()
        gateway, mint = cloud.ready["gateway"], cloud.identity.invoker_token
        known = _set_stage(cloud) | {f"{name}_TOKEN".upper(): mint(name, gateway) for name in _private(cloud)}
        command = [str(tool), "--config-file", str(CONFIG), "run", str(DOCUMENT)]
        environment = os.environ | known | {"SCHEMATHESIS_HOOKS": str(HOOKS)}
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603


def _set_stage(cloud: Devcloud) -> dict[str, str]:
    """Make a tenant with credentials, an export, a completed run, a live run, a live backfill and two schedules."""
    key = cloud.identity.mint_key(PROJECT, "billing-reader")
    with cloud.clients() as clients:
        made = onboard(clients.bigquery(), TENANT, daily_limit=DAILY_LIMIT, concurrent_limit=2)
    with cloud.clients(key) as clients:
        truth = write_export(clients.bigquery(), EXPORT, Target(PROJECT))
    frontend = Frontend(cloud.ready["gateway"], made.tenant_id, made.api_key, "judge")
    frontend.store_gcp_credentials(PROJECT, json.dumps(key), truth["table"])
    completed = _start_run(frontend)
    if (run := frontend.run_until_ended(completed))["status"] != "COMPLETED":
        raise SystemExit(f"the run to be shown ended as {run['status']}: {run['error_message']}")
    _hold_executor(cloud)
    return {
        "GATEWAY": frontend.gateway,
        "TENANT_ID": frontend.tenant_id,
        "API_KEY": frontend.api_key,
        "COMPLETED_RUN": completed,
        "LIVE_RUN": _start_run(frontend),
        "LIVE_BACKFILL": _start_backfill(frontend),
        "SCHEDULE": _schedule(frontend),
        "UNWANTED_SCHEDULE": _schedule(frontend),
    }


def _start_run(frontend: Frontend) -> str:
    return str(_ask_for_run(frontend)["pipeline_logging_id"])


def _start_backfill(frontend: Frontend) -> str:
    """Start a backfill of another export. While it waits, a second backfill of the same export would be refused."""
    export = f"{PROJECT}.billing.another_export"
    return str(_ask_for_run(frontend, split="month", billing_export_table=export)["backfill_id"])


def _ask_for_run(frontend: Frontend, **more: str) -> dict[str, Any]:
    last = EXPORT.start + timedelta(days=EXPORT.days - 1)
    return frontend.run("/".join(TEMPLATE.values()), {"start_date": str(EXPORT.start), "end_date": str(last)} | more)


def _schedule(frontend: Frontend) -> str:
    answer = requests.post(
        f"{frontend.gateway}/api/v1/scheduler/customer/{frontend.tenant_id}/pipelines",
        json={**TEMPLATE, "cron_expression": "0 2 1 1 *"},
        headers={"X-API-Key": frontend.api_key},
        timeout=60,
    )
    answer.raise_for_status()
    return str(answer.json()["config_id"])


def _hold_executor(cloud: Devcloud) -> None:
    """Pause the queue of the executor: runs are accepted but not executed, because only answers are judged."""
    queue = cloud.platform.queues["execute"].id
    with cloud.clients() as clients:
        clients.tasks().pause_queue(name=f"projects/{cloud.project}/locations/{cloud.region}/queues/{queue}")


def _private(cloud: Devcloud) -> list[str]:
    return [name for name, function in cloud.platform.functions.items() if function.access == "private"]


if __name__ == "__main__":
    raise SystemExit(main())
