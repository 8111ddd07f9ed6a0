"""Has schemathesis call the real functions on a local cloud as docs/openapi.json describes them, and as it does not."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from devcloud.demo.frontend import Frontend
from devcloud.identity.identity import account_email
from devcloud.onboarding import onboard
from devcloud.seed_billing.export import Target, write_export
from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud
from tools.openapi.document import DOCUMENT

TENANT, PROJECT = "acme_corp_12312025", "acme-gcp-project"
DAILY_LIMIT = 60  # enough for runs to be accepted, few enough to be used up
EXPORT = Plan(seed=7, start=date(2025, 11, 14), days=4, rows_per_day=20)
CONFIG = Path(__file__).with_name("schemathesis.toml")


def main() -> int:
    """Judge; the exit status is schemathesis' own."""
    parser = argparse.ArgumentParser(prog="python -m tools.openapi.judge", description=__doc__)
    parser.add_argument("schemathesis", type=Path, help="the command, in an environment of its own")
    tool = parser.parse_args().schemathesis
    with TemporaryDirectory(prefix="convergence-judge-") as folder, Devcloud(Path(folder), schedules=False) as cloud:
        frontend = _set_stage(cloud)
        shown = _run(frontend)
        _hold_executor(cloud)
        run_ids = [shown, _start(frontend)]
        return _judge(tool, cloud, frontend, run_ids, Path(folder))


def _set_stage(cloud: Devcloud) -> Frontend:
    """A tenant with credentials and a seeded export."""
    key = cloud.identity.mint_key(PROJECT, "billing-reader")
    with cloud.clients() as clients:
        made = onboard(clients.bigquery(), TENANT, daily_limit=DAILY_LIMIT, concurrent_limit=2)
    with cloud.clients(key) as clients:
        truth = write_export(clients.bigquery(), EXPORT, Target(PROJECT))
    frontend = Frontend(cloud.ready["gateway"], made.tenant_id, made.api_key, "judge")
    frontend.store_gcp_credentials(PROJECT, json.dumps(key), truth["table"])
    return frontend


def _run(frontend: Frontend) -> str:
    """A run that has steps, checks and rows to show."""
    run_id = _start(frontend)
    if (run := frontend.run_until_ended(run_id))["status"] != "COMPLETED":
        raise SystemExit(f"the run to be shown ended as {run['status']}: {run['error_message']}")
    return run_id


def _start(frontend: Frontend) -> str:
    last = EXPORT.start + timedelta(days=EXPORT.days - 1)
    answer = frontend.run("gcp/cost/billing", {"start_date": str(EXPORT.start), "end_date": str(last)})
    return str(answer["pipeline_logging_id"])


def _hold_executor(cloud: Devcloud) -> None:
    """Runs are accepted, admitted and sent, and stay as they are: what is judged here are answers."""
    queue = cloud.platform.queues["execute"].id
    with cloud.clients() as clients:
        clients.tasks().pause_queue(name=f"projects/{cloud.project}/locations/{cloud.region}/queues/{queue}")


def _judge(tool: Path, cloud: Devcloud, frontend: Frontend, run_ids: list[str], folder: Path) -> int:
    tokens = {f"{name}_TOKEN".upper(): _token(cloud, name) for name in _private(cloud)}
    tenant = {"GATEWAY": frontend.gateway, "TENANT_ID": frontend.tenant_id, "API_KEY": frontend.api_key}
    config = shutil.copy(CONFIG, folder)
    (folder / "runs.dict").write_text("".join(f'"{run_id}"\n' for run_id in run_ids), encoding="utf-8")
    command = [str(tool), "--config-file", str(config), "run", str(DOCUMENT)]
    return subprocess.run(command, env=os.environ | tenant | tokens, check=False).returncode  # noqa: S603


def _private(cloud: Devcloud) -> list[str]:
    return [name for name, function in cloud.platform.functions.items() if function.access == "private"]


def _token(cloud: Devcloud, function: str) -> str:
    """A token as Cloud Scheduler or Cloud Tasks would send it to a private function."""
    invoker = cloud.platform.functions[function].invokers[0]
    email = account_email(cloud.platform.service_accounts[invoker].id, cloud.project)
    return cloud.identity.id_token(email, f"{cloud.ready['gateway']}/{function}")


if __name__ == "__main__":
    raise SystemExit(main())
