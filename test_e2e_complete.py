#!/usr/bin/env python3
"""All flows end to end, over HTTP: credentials, a manual run, the quota, a scheduled run; exit code 0 or 1.

python test_e2e_complete.py           starts a local Google Cloud of its own, takes half a minute
python test_e2e_complete.py --help    how to run it against a deployed platform
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import requests
from google.api_core.exceptions import GoogleAPIError
from rich.console import Console
from rich.markup import escape

from devcloud.onboarding import onboard
from shared.configuration.tables import get_tables
from shared.runtime.terminal import replace_what_cannot_be_shown
from tests.support.platform_under_test import (
    PlatformUnderTest,
    UnexpectedAnswerError,
    deployed_platform,
    local_platform,
)

Json = dict[str, Any]
ALICE, BOB = "alice_uuid_from_supabase", "bob_uuid_from_supabase"
POLL_SECONDS = 0.5  # as a frontend polls: HTTP has no condition to wait on
DEPLOYED = """\
against a deployed platform, with an operator's Application Default Credentials (a service account that may write to
the central dataset and invoke the scheduler's functions):
  terraform output -json function_urls > urls.json
  CONVERGENCE_ADMIN_KEY=... python test_e2e_complete.py --urls urls.json --project my-platform --bigquery-location US \\
    --gcp-key tenant-key.json --export-table tenant-project.billing.gcp_billing_export_resource_v1_X --date 2025-11-17
It makes a tenant e2e_... and removes it again. Events of its runs stay until they expire."""


class CheckFailedError(Exception):
    """What a test expected did not hold."""


@dataclass
class Report:
    """Prints each check as it is made, and counts."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    outcomes: dict[str, str | None] = field(default_factory=dict)

    def check(self, what: str, *, found: object, expected: object) -> None:
        """Print a green line if the value is the expected one; raise CheckFailedError otherwise."""
        if found == expected:
            self.console.print(f"  [green]✓[/] {what}")
            return
        raise CheckFailedError(f"{what}: expected {expected!r}, found {found!r}")

    def run(self, name: str, test: Callable[[], None]) -> None:
        """Run one test. Any error in it is its failure, and the other tests go on."""
        self.console.print(f"\n[bold]{name}[/]")
        try:
            test()
            self.outcomes[name] = None
        except (
            CheckFailedError,
            UnexpectedAnswerError,
            requests.RequestException,
            GoogleAPIError,
            KeyError,
            ValueError,
        ) as error:
            self.outcomes[name] = f"{type(error).__name__}: {error}"
            self.console.print(f"  [red]✗ {escape(str(self.outcomes[name]))}[/]")

    def summary(self) -> int:
        """The last page; the exit code."""
        failed = {name: reason for name, reason in self.outcomes.items() if reason}
        self.console.print("\n[bold]Summary[/]")
        for name in self.outcomes:
            self.console.print(f"  {'[red]FAIL[/]' if name in failed else '[green]PASS[/]'} {name}")
        colour = "red" if failed else "green"
        self.console.print(f"[{colour}]{len(self.outcomes) - len(failed)} passed, {len(failed)} failed[/]")
        return 1 if failed else 0


@dataclass
class EndToEnd:
    """The four tests on one new tenant."""

    platform: PlatformUnderTest
    report: Report
    tenant_id: str = field(default_factory=lambda: f"e2e_{datetime.now(UTC):%m%d%H%M}_{uuid.uuid4().hex[:6]}")
    api_key: str = ""

    def set_up(self) -> None:
        """Onboard the tenant, as the subscription system does."""
        self.api_key = onboard(self.platform.client, self.tenant_id, daily_limit=25, concurrent_limit=3).api_key
        self.report.check("profile, subscription and API key are there", found=bool(self.api_key), expected=True)

    def credential_setup(self) -> None:
        """Test 1."""
        path = f"/api/v1/tenants/{self.tenant_id}/credentials"
        first = self._ask("setup_credentials", "POST", path, self.platform.gcp_credentials, status=201)
        self.report.check("GCP credentials are created", found=first["action"], expected="CREATED")
        self.report.check("the tenant's dataset is created", found=first["dataset_status"], expected="CREATED")
        metadata = {name for name in get_tables("tenant_dataset") if name.startswith("x_meta_")}
        self.report.check("its x_meta tables are created", found=set(first["tables_created"]), expected=metadata)
        again = self._ask("setup_credentials", "POST", path, self.platform.gcp_credentials)
        self.report.check("the same again is an update", found=again["action"], expected="UPDATED")
        (stored,) = self._ask("setup_credentials", "GET", path)["credentials"]
        self.report.check("who added them is kept", found=stored["created_by_user_id"], expected=ALICE)
        logged = [row["user_id"] for row in self._sql("SELECT user_id FROM {own}.x_meta_step_logs")]
        self.report.check("both actions are logged with user_id", found=logged, expected=[ALICE, ALICE])

    def manual_run(self) -> None:
        """Test 2."""
        answer = self._run(status=202, user_id=ALICE)
        run = self._until_ended(answer["pipeline_logging_id"])
        self._check_completed(run)
        self.report.check("it is Alice's", found=run["user_id"], expected=ALICE)
        (logged,) = self._sql("SELECT user_id, status, trigger_type FROM {own}.x_meta_pipeline_runs")
        expected = {"user_id": ALICE, "status": "COMPLETED", "trigger_type": "api"}
        self.report.check("x_meta_pipeline_runs says so", found=logged, expected=expected)
        (published,) = self._sql(
            "SELECT (SELECT COUNT(*) FROM {own}.gcp_cost_billing)"
            " + (SELECT COUNT(*) FROM {own}.focus_cost) AS published"
        )
        self.report.check("its rows are visible", found=published["published"], expected=run["rows_published"])
        self.report.check("the tenant's counter is 1", found=self._used(), expected=1)

    def quota_enforcement(self) -> None:
        """Test 3."""
        used = self._used()
        self._set_daily_limit(used)  # as the subscription system does when a tenant takes a smaller plan
        try:
            for user in (ALICE, BOB):
                refused = self._run(status=429, user_id=user)
                figures = (refused["limit"], refused["used"])
                self.report.check(f"{user}'s run is refused with the figures", found=figures, expected=(used, used))
        finally:
            self._set_daily_limit(25)
        self.report.check("a refused run counts nothing", found=self._used(), expected=used)
        self.report.check("24 runs are left today", found=25 - self._used(), expected=24)

    def scheduled_run(self) -> None:
        """Test 4."""
        path = f"/api/v1/scheduler/customer/{self.tenant_id}/pipelines"
        body = {
            "provider": "gcp", "domain": "cost", "template": "billing", "cron_expression": "0 2 * * *",
            "timezone": "UTC", "parameters": {"date": str(self.platform.day)},
        }  # fmt: skip
        config_id = self._ask("pipeline_configs", "POST", path, body, status=201)["config_id"]
        self._sql(
            "UPDATE {tenants}.tenant_pipeline_configs SET next_run_time = CURRENT_TIMESTAMP() "
            "WHERE tenant_id = @tenant_id AND config_id = @config_id",
            config_id=config_id,
        )
        triggered = self._ask("trigger_due_pipelines", "POST", "/api/v1/scheduler/trigger", {})
        self.report.check("the trigger queues it", found=triggered["queued_count"] >= 1, expected=True)
        run = self._until_ended(self._scheduled(config_id)["pipeline_logging_id"])
        self._check_completed(run)
        (logged,) = self._sql(
            "SELECT user_id, trigger_by FROM {own}.x_meta_pipeline_runs WHERE trigger_type = 'scheduler'"
        )
        expected = {"user_id": None, "trigger_by": "cloud_scheduler"}
        self.report.check("nobody's user_id is on it", found=logged, expected=expected)
        settled = self._until(lambda: self._scheduled(config_id), lambda tick: tick["state"] == "COMPLETED")
        self.report.check("its tick is COMPLETED", found=settled["state"], expected="COMPLETED")
        (config,) = self._ask("pipeline_configs", "GET", path)["pipelines"]
        self.report.check("the schedule knows", found=config["last_run_status"], expected="SUCCESS")
        is_ahead = datetime.fromisoformat(config["next_run_time"]) > datetime.now(UTC)
        self.report.check("its next tick is ahead", found=is_ahead, expected=True)
        removed = self._ask("pipeline_configs", "DELETE", f"{path}/{config_id}")
        self.report.check("it is removed", found=removed["status"], expected="DELETED")

    def clean_up(self) -> None:
        """Remove the dataset and every row of the tenant's that is not an event."""
        self.platform.client.delete_dataset(self.tenant_id, delete_contents=True, not_found_ok=True)
        for name, table in get_tables("tenants").items():
            is_streamed = any(writer["how"] == "stream" for writer in table.appended_by)
            if not is_streamed and "tenant_id" in {column.name for column in table.columns}:
                self._sql(f"DELETE FROM {{tenants}}.{name} WHERE tenant_id = @tenant_id")
        (left,) = self._sql("SELECT COUNT(*) AS rows_left FROM {tenants}.tenant_profiles WHERE tenant_id = @tenant_id")
        self.report.check("the tenant is gone", found=left["rows_left"], expected=0)

    def _check_completed(self, run: Json) -> None:
        failed = [check["check_id"] for check in run["checks"] if not check["passed"] and check["severity"] == "fail"]
        self.report.check(
            "the run is COMPLETED", found=(run["status"], run["error_message"]), expected=("COMPLETED", None)
        )
        self.report.check("its checks have passed", found=failed, expected=[])

    def _run(self, *, status: int, user_id: str) -> Json:
        path = f"/api/v1/pipelines/run/{self.tenant_id}/gcp/cost/billing"
        return self._ask("run_pipeline", "POST", path, {"date": str(self.platform.day)}, status=status, user_id=user_id)

    def _until_ended(self, run_id: str) -> Json:
        path = f"/api/v1/pipelines/runs/{self.tenant_id}/{run_id}"
        ended = {"COMPLETED", "FAILED", "CANCELLED"}
        return self._until(lambda: self._ask("pipeline_runs", "GET", path), lambda run: run["status"] in ended)

    def _until(self, read: Callable[[], Json], is_reached: Callable[[Json], bool]) -> Json:
        deadline = time.monotonic() + self.platform.timeout_seconds
        while not is_reached(found := read()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return found

    def _scheduled(self, config_id: str) -> Json:
        sql = "SELECT * FROM {tenants}.scheduled_pipeline_runs WHERE tenant_id = @tenant_id AND config_id = @config_id"
        (tick,) = self._sql(sql, config_id=config_id)
        return tick

    def _used(self) -> int:
        rows = self._sql(
            "SELECT pipelines_run_today FROM {tenants}.tenant_usage_quotas "
            "WHERE tenant_id = @tenant_id AND usage_date = CURRENT_DATE('UTC')"
        )
        return sum(row["pipelines_run_today"] for row in rows)

    def _set_daily_limit(self, limit: int) -> None:
        sql = f"UPDATE {{tenants}}.tenant_subscriptions SET daily_limit = {limit:d} WHERE tenant_id = @tenant_id"
        self._sql(sql)

    def _ask(
        self,
        function: str,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        status: int = 200,
        user_id: str = ALICE,
    ) -> Json:
        headers = {"X-API-Key": self.api_key, "X-User-ID": user_id}
        return self.platform.ask(function, method, path, body, status=status, headers=headers)

    def _sql(self, text: str, **values: str) -> Sequence[Json]:
        return self.platform.sql(text, own=self.tenant_id, tenant_id=self.tenant_id, **values)


def end_to_end(platform: PlatformUnderTest) -> int:
    """Set up, four tests, clean up whatever happened, summary; the exit code."""
    report = Report()
    tests = EndToEnd(platform, report)
    report.console.print(f"[bold]Convergence, end to end[/], as tenant {tests.tenant_id}")
    report.run("Set-up: subscription onboarding", tests.set_up)
    try:
        report.run("Test 1: credential set-up (post-subscription)", tests.credential_setup)
        report.run("Test 2: manual pipeline execution with user_id", tests.manual_run)
        report.run("Test 3: quota enforcement at tenant level", tests.quota_enforcement)
        report.run("Test 4: scheduled pipeline execution (user_id = NULL)", tests.scheduled_run)
    finally:
        report.run("Clean-up", tests.clean_up)
    return report.summary()


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing is required for a local run."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=DEPLOYED, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--urls", type=Path, metavar="FILE", help="JSON: each function's URL; without it, a local cloud"
    )
    parser.add_argument("--project", help="the platform's project")
    parser.add_argument("--bigquery-location", default="US", help="default: %(default)s")
    parser.add_argument("--gcp-key", type=Path, metavar="FILE", help="service-account key that may read the export")
    parser.add_argument("--export-table", metavar="TABLE", help="the billing export to load, project.dataset.table")
    parser.add_argument("--date", type=date.fromisoformat, metavar="YYYY-MM-DD", help="a day the export has rows of")
    parser.add_argument(
        "--timeout", type=float, default=600, metavar="SECONDS", help="for a run (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    needed = ("project", "gcp_key", "export_table", "date")
    if options.urls and (missing := [name for name in needed if getattr(options, name) is None]):
        parser.error(f"--urls needs --{missing[0].replace('_', '-')}")
    if options.urls and "CONVERGENCE_ADMIN_KEY" not in os.environ:
        parser.error("--urls needs CONVERGENCE_ADMIN_KEY in the environment")
    return options


def main() -> int:
    """The exit code."""
    options = parse_arguments()
    with deployed_platform(options) if options.urls else local_platform(options.timeout) as platform:
        return end_to_end(platform)


if __name__ == "__main__":
    replace_what_cannot_be_shown()
    sys.exit(main())
