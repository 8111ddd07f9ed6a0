"""Runs the main job end to end: onboard, seed, store credentials, run, show costs and quotas, run again."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from devcloud.bigquery.jobs.latencies import Latencies
from devcloud.demo import pages
from devcloud.demo.frontend import DemoError, Frontend, Json
from devcloud.demo.ledger import Cost, Ledger
from devcloud.demo.on_schedule import come_due, tell_run
from devcloud.demo.other_clouds import OtherClouds, deliver_bills, show_all_clouds
from devcloud.demo.staying import stay
from devcloud.invocation import command
from devcloud.onboarding import onboard
from devcloud.seed_billing.export import Target, write_export
from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud
from devcloud.shown import outgrown

TEMPLATE = "gcp/cost/billing"
FIRST, LAST = date(2025, 11, 11), date(2025, 11, 17)
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
_SEEDED_DAYS, _ROWS_PER_DAY = 8, 120
# The bills of AWS and Azure cover a whole month, and the next month until the demo's last day.
_BILLED_DAYS = [date(2025, 10, 1) + timedelta(days=number) for number in range((LAST - date(2025, 10, 1)).days + 1)]
# The functions that the story calls, in this order. They start while the exports are seeded.
_FUNCTIONS = (
    "setup_credentials",
    "run_pipeline",
    "pipeline_runs",
    "process_queue",
    "execute_run",
    "pipeline_configs",
    "trigger_due_pipelines",
)


@dataclass(frozen=True)
class Actor:
    """A tenant of the demo, and the user who calls for the tenant."""

    tenant_id: str
    project: str
    user_id: str
    seed: int
    daily_limit: int


ACTORS = (
    Actor("acme_corp_12312025", "acme-gcp-project", "alice_uuid", seed=1, daily_limit=25),
    Actor("globex_co_06302026", "globex-cloud", "bob_uuid", seed=2, daily_limit=5),
)


@dataclass(frozen=True)
class Scene:
    """A tenant with its seeded export and its key."""

    actor: Actor
    frontend: Frontend
    key_json: str
    truth: Json

    @property
    def true_total(self) -> Decimal:
        """The net cost of the demo's days, from the known sums of the export."""
        dates = self.truth["usage_dates"]
        return sum((Decimal(dates[str(day)]["total"]) for day in DAYS), Decimal(0))


def demo(options: Namespace) -> None:
    """Run the story. It uses a temporary state directory unless the platform stays."""
    with ExitStack() as stack:
        state_dir = options.state_dir
        if not options.stay:
            state_dir = Path(stack.enter_context(TemporaryDirectory(prefix="convergence-demo-")))
        console = Console(width=max(Console().width, 100), highlight=False)
        started = time.monotonic()
        latencies = None if options.latencies is None else Latencies(options.latencies)
        cloud = stack.enter_context(Devcloud(state_dir, port=options.port, latencies=latencies))
        cloud.warm(*_FUNCTIONS)
        console.print(f"[bold]1. A Google Cloud on this machine[/] is up in {time.monotonic() - started:.1f} s\n")
        if cloud.outgrown:
            print(outgrown(cloud.outgrown, state_dir), file=sys.stderr, flush=True)
        was_onboarded = options.stay and _is_onboarded(cloud, ACTORS[0])
        if not was_onboarded:
            tell(cloud, console, stays=options.stay)
            console.print(f"[green]Done in {time.monotonic() - started:.1f} s.[/]\n")
            if not options.stay:
                console.print("Nothing of it remains. `make up` runs it again and stays, with lines to paste.\n")
        else:
            console.print(f"The demo has run on {cloud.state.path} before: its tenants and runs are still there.")
            console.print("To run it again, stop devcloud and remove that folder.\n")
        if options.stay:
            stay(cloud, ACTORS[0].tenant_id, console)


def tell(cloud: Devcloud, console: Console, *, stays: bool) -> None:
    """The whole story; raises DemoError if the platform fails to do what is shown. `stays`: the cloud runs on."""
    with cloud.clients() as clients, ThreadPoolExecutor(len(ACTORS)) as at_once:
        ledger = Ledger(clients.bigquery())
        scenes = list(at_once.map(lambda actor: _set_stage(cloud, ledger, actor), ACTORS))
        console.print(
            "[bold]2. Two tenants[/], onboarded as the subscription system does,"
            f" each with a sample export of {_SEEDED_DAYS} days"
        )
        for scene in scenes:
            rows = scene.truth["rows"]
            console.print(f"   {scene.actor.tenant_id}: {rows:,} rows in\n      {scene.truth['table']}")
        one, other = scenes
        clouds = _deliver_bills(cloud, one, console)
        console.print("\n[bold]3. Credentials[/], encrypted with Cloud KMS")
        answers = list(at_once.map(_store_credentials, scenes))
        console.print(pages.credentials_table(answers + clouds.store_credentials()))
        before = {scene.actor.tenant_id: ledger.quota(scene.actor.tenant_id) for scene in scenes}
        console.print(
            f"\n[bold]4. A run of {TEMPLATE} for each[/], both at the same time, over {len(DAYS)} of the days:"
        )
        console.print(f"   {FIRST} to {LAST}. It publishes the export's rows, and the same costs as FOCUS rows.")
        first = _tell_runs(_start_all(scenes), console, ledger, details=True)
        console.print("\n[bold]5. The same run repeated[/]")
        repeated, due = _start_all([one]), come_due(cloud.cloud, clients, other.frontend)
        started = clouds.start()
        second = _tell_runs(repeated, console, ledger, details=False)
        _check_same(one, first[one.actor.tenant_id], second[one.actor.tenant_id])
        console.print("   The table is the same: rows are replaced by usage date and source, never added twice.")
        console.print(f"\n[bold]6. A schedule[/] of {other.actor.tenant_id}, at the same time")
        tell_run(due, ledger, console)
        console.print("\n[bold]7. Quotas[/], counted per tenant and UTC day")
        after = {scene.actor.tenant_id: ledger.quota(scene.actor.tenant_id) for scene in scenes}
        console.print(pages.quota_table(before, after))
        console.print(f"\n[bold]8. Three clouds[/] of {one.actor.tenant_id} in one table")
        clouds.tell(started, console, ledger)
        console.print("   Net costs without taxes:\n")
        show_all_clouds(ledger, one.frontend, DAYS, console)
        jobs = cloud.bigquery.jobs()
        listed = f"; `{command()} jobs` lists them" if stays else ""
        console.print(f"\nBigQuery ran {len(jobs)} jobs for all this{listed}.\n")


def _deliver_bills(cloud: Devcloud, scene: Scene, console: Console) -> OtherClouds:
    clouds = deliver_bills(cloud.state.path, "acme", scene.actor.seed, scene.frontend, _BILLED_DAYS)
    for template, bill in clouds.bills.items():
        credentials = bill.credentials["credentials"]
        place = credentials.get("bucket") or f"{credentials['storage_account']}/{credentials['container']}"
        name = template.partition("/")[0].upper()
        console.print(f"   {scene.actor.tenant_id}: {bill.truth['rows']:,} lines of {name} in {place}")
    return clouds


def _is_onboarded(cloud: Devcloud, actor: Actor) -> bool:
    with cloud.clients() as clients:
        return Ledger(clients.bigquery()).is_onboarded(actor.tenant_id)


def _set_stage(cloud: Devcloud, ledger: Ledger, actor: Actor) -> Scene:
    made = onboard(ledger.client, actor.tenant_id, daily_limit=actor.daily_limit, concurrent_limit=3)
    key = cloud.identity.mint_key(actor.project, "billing-reader")
    with cloud.clients(key) as clients:
        plan = Plan(actor.seed, LAST - timedelta(days=_SEEDED_DAYS - 1), _SEEDED_DAYS, _ROWS_PER_DAY)
        truth = write_export(clients.bigquery(), plan, Target(actor.project))
    frontend = Frontend(cloud.ready["gateway"], actor.tenant_id, made.api_key, actor.user_id)
    return Scene(actor, frontend, json.dumps(key), truth)


def _store_credentials(scene: Scene) -> Json:
    return scene.frontend.store_gcp_credentials(scene.actor.project, scene.key_json, scene.truth["table"])


def _start_all(scenes: Sequence[Scene]) -> list[tuple[Scene, Json]]:
    """Start a run for each; returns the answers of the API."""
    body = {"start_date": str(FIRST), "end_date": str(LAST)}
    return [(scene, scene.frontend.run(TEMPLATE, body)) for scene in scenes]


def _tell_runs(
    started: Sequence[tuple[Scene, Json]], console: Console, ledger: Ledger, *, details: bool
) -> dict[str, Cost]:
    costs = {}
    for scene, answer in started:
        run = scene.frontend.run_until_ended(answer["pipeline_logging_id"])
        console.print(f"\n   [cyan]{scene.actor.tenant_id}[/]: answered {pages.answered(answer)} at once\n   ", end="")
        pages.run_line(console, run)
        if run["status"] != "COMPLETED":
            raise DemoError(f"the run ended as {run['status']}: {run['error_class']}: {run['error_message']}")
        cost = costs[scene.actor.tenant_id] = ledger.cost(scene.actor.tenant_id, FIRST, LAST)
        if details:
            console.print(pages.run_table(run))
            console.print()
            console.print(pages.cost_table(cost, DAYS, scene.truth["currency"]))
        _check_truth(scene, cost, console)
        _check_focus(scene, ledger, console)
    return costs


def _check_truth(scene: Scene, cost: Cost, console: Console) -> None:
    if cost.total != scene.true_total:
        raise DemoError(f"{scene.actor.tenant_id}: published {cost.total:f}, the export says {scene.true_total:f}")
    console.print(
        f"   their net cost, after credits, is {cost.total:f},\n"
        f"   the export's own sum {scene.true_total:f}: equal to the last digit"
    )


def _check_focus(scene: Scene, ledger: Ledger, console: Console) -> None:
    # By then the runs of the other clouds may have published.
    billed = ledger.billed_by_category(scene.actor.tenant_id, f"gcp:{scene.truth['table']}", FIRST, LAST)
    total = sum(billed.values(), Decimal(0))
    if total != scene.true_total:
        raise DemoError(f"{scene.actor.tenant_id}: focus_cost has {total:f}, the export says {scene.true_total:f}")
    console.print("   FOCUS 1.2 has the same total as BilledCost; by ServiceCategory:")
    console.print(pages.categories(billed))


def _check_same(scene: Scene, first: Cost, second: Cost) -> None:
    if first != second:
        raise DemoError(f"{scene.actor.tenant_id}: the repeated run changed the table")
