"""The work of each command."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from devcloud.clients import Clients
from devcloud.errors import UserError
from devcloud.gateway.instances import fork_server
from devcloud.shown import job_lines, outgrown, places, print_json, print_table, rows_table, welcome
from devcloud.state import StateDir, StateError
from shared.configuration.platform_config import get_platform

if TYPE_CHECKING:
    from devcloud.identity import Identity

Json = dict[str, Any]
_POLL_SECONDS = 0.1
_EXPORTER = "billing-export"  # the account in the tenant's project that writes the sample export


def demo(options: Namespace) -> None:
    """Run the demo."""
    fork_server().start()  # it imports modules while this process imports its own
    from devcloud.demo.story import demo

    demo(options)


def up(options: Namespace) -> None:
    """Run until a signal ends it."""
    fork_server().start()
    from devcloud.bigquery.jobs.latencies import Latencies
    from devcloud.server import Devcloud

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    latencies = None if options.latencies is None else Latencies(options.latencies)
    with Devcloud(options.state_dir, port=options.port, latencies=latencies) as cloud:
        if options.warm:
            cloud.warm()
        if cloud.outgrown:
            print(outgrown(cloud.outgrown, options.state_dir), file=sys.stderr, flush=True)
        print(json.dumps(cloud.ready) if options.json else welcome(cloud.ready, options.state_dir), flush=True)
        ended.wait()
        print("devcloud: stopping", file=sys.stderr)


def onboard(options: Namespace) -> None:
    """Make a tenant, or another key for it; print both once."""
    from devcloud.onboarding import add_api_key, onboard

    ready = _running(options)
    with _clients(ready) as clients:
        client = clients.bigquery()
        if options.new_key:
            made = add_api_key(client, options.tenant_id)
        else:
            limits = {"daily_limit": options.daily_limit, "concurrent_limit": options.concurrent_limit}
            made = onboard(client, options.tenant_id, **limits)
    if options.json:
        print_json({"tenant_id": made.tenant_id, "api_key": made.api_key})
        return
    print(
        f"tenant_id  {made.tenant_id}\napi_key    {made.api_key}\n\nThe key is not stored and not shown again. Try:\n"
    )
    print(f"  curl -s {ready['gateway']}/api/v1/tenants/{made.tenant_id}/credentials -H 'X-API-Key: {made.api_key}'")


def mint_key(options: Namespace) -> None:
    """Print a JSON key."""
    print_json(_mint(options, _running(options), options.account))


def mint_token(options: Namespace) -> None:
    """Print an OIDC token."""
    ready = _running(options)
    private = [name for name, function in get_platform().functions.items() if function.access == "private"]
    if options.function not in private:
        raise StateError(f"{options.function} takes no token; those that do are {', '.join(private)}")
    with _identity(options, ready) as identity:
        print(identity.invoker_token(options.function, ready["gateway"]))


def seed_billing(options: Namespace) -> None:
    """Write the export; print the rows and sums that a correct load has."""
    from devcloud.seed_billing.export import Target, write_export
    from devcloud.seed_billing.rows import Plan, default_start

    ready = _running(options)
    plan = Plan(options.seed, options.start or default_start(options.days), options.days, options.rows_per_day)
    target = Target(options.project, options.dataset, options.table, options.location)
    with Clients(ready["env"], _mint(options, ready, _EXPORTER)) as clients:
        truth = write_export(clients.bigquery(), plan, target, append=options.append)
    if options.truth:
        options.truth.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    print_json(truth)


def deliver_bill(options: Namespace) -> None:
    """Deliver the bill and print who may read it."""
    from devcloud.seed_billing.deliveries import deliver_aws, deliver_azure
    from devcloud.seed_billing.rows import default_start

    _running(options)
    start = options.start or default_start(options.days)
    days = [start + timedelta(days=number) for number in range(options.days)]
    deliver = {"aws": deliver_aws, "azure": deliver_azure}[options.cloud]
    delivered = deliver(options.state_dir, options.name, options.seed, days)
    if options.truth:
        options.truth.write_text(json.dumps(delivered.truth, indent=2) + "\n", encoding="utf-8")
    print_json(delivered.credentials)


def run_job(options: Namespace) -> None:
    """Run a scheduled job ahead of its time."""
    from google.api_core.exceptions import NotFound

    ready = _running(options)
    location = f"projects/{ready['project']}/locations/{ready['region']}"
    with _clients(ready) as clients:
        client = clients.scheduler()
        try:
            before = client.run_job(name=f"{location}/jobs/{options.job}")
        except NotFound as error:
            names = ", ".join(job.name.rpartition("/")[2] for job in client.list_jobs(parent=location))
            raise StateError(f"there is no job {options.job}; there are {names}") from error
        print(f"{options.job} runs now: {before.http_target.uri}", flush=True)
        job = _attempted(client, before)
    if job.status.code:
        raise UserError(f"{options.job} failed: {job.status.message}; its retries, if it has any, follow")
    print(f"{options.job} is done: the function answered with success (2xx)")


def jobs(options: Namespace) -> None:
    """Print the BigQuery jobs since the start."""
    listed = requests.get(f"{_running(options)['gateway']}/_devcloud/jobs", timeout=30).json()
    if options.json:
        print_json(listed)
        return
    for line in job_lines(listed):
        print(line)


def query(options: Namespace) -> None:
    """Ask BigQuery as the operator and print the rows."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.cloud import bigquery

    ready = _running(options)
    with _clients(ready) as clients:
        client = clients.bigquery()
        config = bigquery.QueryJobConfig()
        if options.tenant:
            config.default_dataset = f"{ready['project']}.{options.tenant}"
        try:
            found = client.query_and_wait(options.sql, job_config=config)
            rows = list(found)
        except GoogleAPICallError as error:
            raise UserError(f"{error.code} {error.message}") from error
    if options.json:
        print_json([dict(row.items()) for row in rows])
    elif found.schema:
        print_table(rows_table([(field.name, field.field_type) for field in found.schema], rows))
    if found.num_dml_affected_rows is not None:
        changed = found.num_dml_affected_rows
        print(f"{changed} {'row' if changed == 1 else 'rows'} changed", file=sys.stderr)


def status(options: Namespace) -> None:
    """Print the addresses of all services."""
    ready = _running(options)
    if options.json:
        print_json(ready)
        return
    functions = requests.get(f"{ready['gateway']}/_devcloud/health", timeout=30).json()["functions"]
    print(places(ready) + "\n\nfunctions")
    print("\n".join(f"  {name:<28} {state}" for name, state in functions.items()))


def _running(options: Namespace) -> Json:
    """The running cloud's ready line; raises StateError if no cloud runs, even if a killed cloud left such a line."""
    state = StateDir(options.state_dir)
    ready = state.require_announced()
    try:
        health = requests.get(f"{ready['gateway']}/_devcloud/health", timeout=10).json()
    except requests.RequestException:
        health = {}
    if health.get("state_dir") != str(state.path):  # no process, or another one, uses the port
        raise StateError(f"the devcloud that ran on {state.path} (pid {ready['pid']}) was killed; {state.hint}")
    return ready


def _attempted(client: Any, before: Any) -> Any:
    """Wait until Cloud Scheduler has called the job's target after `before`, and return the job."""
    deadline = time.monotonic() + before.attempt_deadline.total_seconds()
    while time.monotonic() < deadline:
        job = client.get_job(name=before.name)
        if job.last_attempt_time != before.last_attempt_time:
            return job
        time.sleep(_POLL_SECONDS)  # polls as gcloud does, because the API has no call that waits
    raise UserError(f"no answer within {before.attempt_deadline}")


def _clients(ready: Json) -> Clients:
    """Clients as the operator."""
    key_file = Path(ready["env"]["GOOGLE_APPLICATION_CREDENTIALS"])
    return Clients(ready["env"], json.loads(key_file.read_text(encoding="utf-8")))


def _mint(options: Namespace, ready: Json, account: str) -> dict[str, str]:
    with _identity(options, ready) as identity:
        return identity.mint_key(options.project, account)


@contextmanager
def _identity(options: Namespace, ready: Json) -> Iterator[Identity]:
    """The running cloud's accounts."""
    from devcloud.identity import Identity

    identity = Identity(options.state_dir, ready["project"])
    try:
        yield identity
    finally:
        identity.close()
