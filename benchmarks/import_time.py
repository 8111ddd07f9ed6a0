"""Measures cold starts: the time of a function's imports before and in its first request.

Each measurement is a fresh process with compiled modules. It sees only the packages of the function's requirements.txt;
all other modules are hidden. The figure is CPU time, the least of several measurements, because other work on the
machine can only add to it. "Eager" is a function that imports all Google clients of the deployed bundle at its top. No
figure includes the framework, because Cloud Run imports it before any function.

The bound: importing a function takes at most half the time of "eager", and imports no client. The time until the
first request can be answered has no bound. It is two thirds of "eager" or more, even if a function needs only
BigQuery's client, because that client alone takes half the time of all clients.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.parts.cold_start import CLIENTS
from shared.configuration.platform_config import get_platform
from tools.function_packages import ROOT, hidden_modules

Json = dict[str, Any]
REPEATS = 5
TASKS = "google.cloud.tasks_v2"
FRAMEWORK = ("functions_framework",)


@dataclass(frozen=True)
class Request:
    """The calls of shared.bootstrap in a typical request of a function, and the modules that it imports."""

    services: Sequence[str]
    imports: Sequence[str] = field(default=())


REQUESTS = {
    "setup_credentials": Request(["stored_credentials"]),  # GET; POST adds Cloud KMS
    "verify_credentials": Request(["credential_verification"]),
    "run_pipeline": Request(["run_requests"], [TASKS]),
    "pipeline_runs": Request(["tenant_runs"]),  # GET; cancel and retry add Cloud Tasks
    "costs": Request(["tenant_costs"]),
    "alerts": Request(["tenant_alerts"]),  # GET; PUT adds Cloud KMS or Cloud Tasks
    "console": Request(["tenant_costs"]),
    "cost_settings": Request(["virtual_tags", "exchange_rates"]),
    "pipeline_configs": Request(["tenant_schedules"]),
    "trigger_due_pipelines": Request(["schedule_trigger"]),  # when nothing is due; else Cloud Tasks
    "process_queue": Request(["dispatcher"]),  # when nothing can start; else Cloud Tasks
    "execute_run": Request(
        ["executor_services", "run_events"],
        ["shared.use_cases.execute_run", "shared.pipeline.steps.gcp_billing_export", "google.cloud.kms", TASKS],
    ),
    "reset_daily_quotas": Request(["quota_reset"]),
    "cleanup_orphaned_pipelines": Request(["orphan_cleanup"]),
    "scheduler_status": Request(["platform_status"]),
    "evaluate_alerts": Request(["alert_evaluation"]),  # when nothing alerts; else Cloud Tasks
    "send_alerts": Request(["alert_sending"], ["google.cloud.kms"]),
}
# Settings that have to be set; their values do not matter, because nothing is called.
SETTINGS = (
    "PROJECT_ID", "BIGQUERY_LOCATION", "KMS_KEY", "ADMIN_KEY_SECRET", "EXECUTE_QUEUE", "KICK_QUEUE", "FUNCTION_URL",
    "EXECUTE_RUN_URL", "PROCESS_QUEUE_URL", "TASKS_SERVICE_ACCOUNT",
    "EVALUATE_QUEUE", "EVALUATE_ALERTS_URL", "SEND_QUEUE", "SEND_ALERTS_URL",
    "WORKER_SERVICE_ACCOUNT", "WORKER_UNIQUE_ID", "API_SERVICE_ACCOUNT", "CONSOLE_SERVICE_ACCOUNT",
    "VERIFY_CREDENTIALS_URL",
)  # fmt: skip
_USER = {"type": "authorized_user", "client_id": "x", "client_secret": "x", "refresh_token": "x"}


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="import-time-")  # removed when this process ends


@cache
def _environment() -> dict[str, str]:
    credentials = Path(_scratch().name) / "user.json"
    credentials.write_text(json.dumps(_USER), encoding="utf-8")
    settings = dict.fromkeys(SETTINGS, "x") | {"GOOGLE_APPLICATION_CREDENTIALS": str(credentials)}
    return {"PATH": os.environ["PATH"]} | settings


def cold_start(
    function: str | None, request: Request | None = None, *, hidden: Sequence[str] = (), before: Sequence[str] = ()
) -> Json:
    """Import a function and the modules of a request in a fresh process; returns CPU seconds and imported clients."""
    options = {
        "hidden": list(hidden),
        "before": list(before),
        "main": str(ROOT / "functions" / function / "main.py") if function else None,
        "services": list(request.services) if request else [],
        "imports": list(request.imports) if request else [],
    }
    command = [sys.executable, "-m", "benchmarks.parts.cold_start", json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=_environment(), cwd=ROOT)
    answer: Json = json.loads(done.stdout.splitlines()[-1])
    return answer


def _least(function: str, request: Request | None, *, hidden: Sequence[str]) -> tuple[float, list[str]]:
    """The least milliseconds, and the imported clients. The first start compiles modules and does not count."""
    starts = [cold_start(function, request, hidden=hidden, before=FRAMEWORK) for _ in range(REPEATS + 1)]
    return min(start["seconds"] for start in starts[1:]) * 1000, starts[0]["after_all"]


def main() -> int:
    """Print the table; returns 1 if the bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_time", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.parse_args()
    eager, _ = _least("run_pipeline", Request([], [*CLIENTS, "pyarrow.parquet"]), hidden=())
    table = Table(title=f"Importing every client eagerly takes {eager:.0f} ms", title_justify="left", box=None)
    for column in ("function", "import", "of eager", "until its first answer", "of eager", "clients of that request"):
        table.add_column(column, justify="left" if column.startswith(("function", "clients")) else "right")
    holds = True
    for function in get_platform().functions:
        hidden = hidden_modules(function)
        alone, early = _least(function, None, hidden=hidden)
        answered, used = _least(function, REQUESTS[function], hidden=hidden)
        holds &= alone <= eager / 2 and not early
        cells = [cell for figure in (alone, answered) for cell in (f"{figure:.0f} ms", f"{figure / eager:.2f}")]
        table.add_row(function, *cells, ", ".join(client.removeprefix("google.cloud.") for client in used))
    Console(width=120).print(table)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
