"""What the commands do."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from devcloud.clients import Clients
from devcloud.state import StateDir, StateError
from shared.platform_config import get_platform

if TYPE_CHECKING:
    from devcloud.identity import Identity

Json = dict[str, Any]
_EXPORTER = "billing-export"  # the account in the tenant's project that writes the sample export


def demo(options: Namespace) -> None:
    """Tell the main job end to end."""
    from devcloud.demo.story import demo

    demo(options)


def up(options: Namespace) -> None:
    """Run until a signal ends it."""
    from devcloud.server import Devcloud

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with Devcloud(options.state_dir, port=options.port) as cloud:
        if options.warm:
            cloud.warm()
        print(json.dumps(cloud.ready) if options.json else _welcome(cloud.ready, options), flush=True)
        ended.wait()


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
        _print_json({"tenant_id": made.tenant_id, "api_key": made.api_key})
        return
    print(
        f"tenant_id  {made.tenant_id}\napi_key    {made.api_key}\n\nThe key is not stored and not shown again. Try:\n"
    )
    print(f"  curl -s {ready['gateway']}/api/v1/tenants/{made.tenant_id}/credentials -H 'X-API-Key: {made.api_key}'")


def mint_key(options: Namespace) -> None:
    """Print a JSON key."""
    _print_json(_mint(options, _running(options), options.account))


def mint_token(options: Namespace) -> None:
    """Print an OIDC token."""
    ready = _running(options)
    private = [name for name, function in get_platform().functions.items() if function.access == "private"]
    if options.function not in private:
        raise StateError(f"{options.function} takes no token; those that do are {', '.join(private)}")
    with _identity(options, ready) as identity:
        print(identity.invoker_token(options.function, ready["gateway"]))


def seed_billing(options: Namespace) -> None:
    """Write the export and print its truth."""
    from devcloud.cli import default_start
    from devcloud.seed_billing.export import Target, write_export
    from devcloud.seed_billing.rows import Plan

    ready = _running(options)
    plan = Plan(options.seed, options.start or default_start(options.days), options.days, options.rows_per_day)
    target = Target(options.project, options.dataset, options.table, options.location)
    with Clients(ready["env"], _mint(options, ready, _EXPORTER)) as clients:
        truth = write_export(clients.bigquery(), plan, target, append=options.append)
    if options.truth:
        options.truth.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    _print_json(truth)


def run_job(options: Namespace) -> None:
    """Run a scheduled job ahead of its time."""
    from google.api_core.exceptions import NotFound

    ready = _running(options)
    location = f"projects/{ready['project']}/locations/{ready['region']}"
    with _clients(ready) as clients:
        client = clients.scheduler()
        try:
            job = client.run_job(name=f"{location}/jobs/{options.job}")
        except NotFound as error:
            names = ", ".join(job.name.rpartition("/")[2] for job in client.list_jobs(parent=location))
            raise StateError(f"there is no job {options.job}; there are {names}") from error
    print(f"{options.job} runs now: {job.http_target.uri}")


def jobs(options: Namespace) -> None:
    """Print the BigQuery jobs since the start."""
    listed = requests.get(f"{_running(options)['gateway']}/_devcloud/jobs", timeout=30).json()
    if options.json:
        _print_json(listed)
        return
    print(f"{'duration':>9}  {'statement':<14} {'caller':<24} {'request id':<36} tables, and the job's id")
    for job in listed:
        caller = job["caller"].partition("@")[0]
        tables = ", ".join(job["tables"]) or "-"
        # The product labels its jobs with the request they serve; what is left is the client's own id of the call.
        request_id = job["labels"].get("request_id") or job["request_id"] or "-"
        outcome = f"FAILED {job['error']}" if job["error"] else ""
        columns = f"{job['duration_ms']:>6} ms  {job['statement']:<14} {caller:<24} {request_id:<36}"
        print(columns, tables, job["id"], outcome)


def status(options: Namespace) -> None:
    """Print where everything listens."""
    ready = _running(options)
    if options.json:
        _print_json(ready)
        return
    functions = requests.get(f"{ready['gateway']}/_devcloud/health", timeout=30).json()["functions"]
    print(_places(ready) + "\n\nfunctions")
    print("\n".join(f"  {name:<28} {state}" for name, state in functions.items()))


def _running(options: Namespace) -> Json:
    """The running cloud's ready line; StateError when there is none, or only what a killed one left behind."""
    state = StateDir(options.state_dir)
    ready = state.require_announced()
    try:
        health = requests.get(f"{ready['gateway']}/_devcloud/health", timeout=10).json()
    except requests.RequestException:
        health = {}
    if health.get("state_dir") != str(state.path):  # nobody there, or somebody else on the same port
        raise StateError(f"the devcloud that ran on {state.path} (pid {ready['pid']}) was killed; {state.hint}")
    return ready


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


def _welcome(ready: Json, options: Namespace) -> str:
    run, state = "python -m devcloud", f"--state-dir {options.state_dir}"
    return f"""devcloud is ready; Ctrl-C stops it.

{_places(ready)}

Try, from another terminal:

  curl -s {ready["gateway"]}/_devcloud/health
  {run} onboard acme_corp {state}
  {run} seed-billing {state} --project acme-gcp
  {run} jobs {state}
"""


def _places(ready: Json) -> str:
    lines = {"gateway": ready["gateway"], "bigquery": ready["bigquery"]} | ready["services"]
    lines |= {"project": f"{ready['project']} in {ready['region']}", "admin key": ready["admin_key"]}
    return "\n".join(f"{name:<16} {value}" for name, value in lines.items())


def _print_json(content: object) -> None:
    json.dump(content, sys.stdout, indent=2)
    print()
