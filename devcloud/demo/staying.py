"""Keeps the demo's platform running and prints commands to try on it."""

from __future__ import annotations

import signal
import threading

import requests
from rich.console import Console
from rich.markup import escape

from devcloud.invocation import command, from_here, shell_word
from devcloud.onboarding import add_api_key
from devcloud.server import Devcloud

_CURLS = """\
[bold]The platform stays up[/]; Ctrl-C stops it. Open its console in a browser; this link logs in once, for 15 minutes:

  {link}

Later, log in at {gateway}/console with the key {key}

Try, from another terminal:

The runs of {tenant}:

  curl -s {gateway}/api/v1/pipelines/runs/{tenant} \\
    -H 'X-API-Key: {key}'

Run one day again:

  curl -s {gateway}/api/v1/pipelines/run/{tenant}/gcp/cost/billing \\
    -H 'X-API-Key: {key}' \\
    -H 'Content-Type: application/json' -d '{{"date": "2025-11-17"}}'

Its stored credentials, without their secrets:

  curl -s {gateway}/api/v1/tenants/{tenant}/credentials \\
    -H 'X-API-Key: {key}'

Its net costs by export and day, after credits:

  {command} query --tenant {tenant} --state-dir {state} \\
    "SELECT x_source, DATE(ChargePeriodStart) AS usage_date, BillingCurrency AS currency,
       SUM(BilledCost) AS net_cost
     FROM focus_cost WHERE ProviderName = 'Google Cloud' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"

Load the bills of AWS and of Azure again, for all of November:

  curl -s {gateway}/api/v1/pipelines/run/{tenant}/aws/cost/billing \\
    -H 'X-API-Key: {key}' \\
    -H 'Content-Type: application/json' -d '{{"date": "2025-11-17"}}'
  curl -s {gateway}/api/v1/pipelines/run/{tenant}/azure/cost/billing \\
    -H 'X-API-Key: {key}' \\
    -H 'Content-Type: application/json' -d '{{"date": "2025-11-17"}}'

Try the credentials for AWS and Azure, as a run would use them:

  curl -s -X POST {gateway}/api/v1/tenants/{tenant}/credentials/AWS/verify \\
    -H 'X-API-Key: {key}'
  curl -s -X POST {gateway}/api/v1/tenants/{tenant}/credentials/AZURE/verify \\
    -H 'X-API-Key: {key}'

The costs of the three clouds by month:

  {command} query --tenant {tenant} --state-dir {state} \\
    "SELECT ProviderName, FORMAT_TIMESTAMP('%Y-%m', BillingPeriodStart) AS month, BillingCurrency,
       SUM(BilledCost) AS net_cost
     FROM focus_cost GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"

The BigQuery jobs since the start:

  {command} jobs --state-dir {state}
"""


def stay(cloud: Devcloud, tenant_id: str, console: Console) -> None:
    """Make an API key, print curl commands with it that can be pasted, then wait for a signal."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with cloud.clients() as clients:
        key = add_api_key(clients.bigquery(), tenant_id).api_key
    gateway = str(cloud.ready["gateway"])
    text = _CURLS.format(
        link=_login_link(gateway, key),
        gateway=gateway,
        tenant=tenant_id,
        key=key,
        command=escape(command()),
        state=escape(shell_word(from_here(cloud.state.path))),
    )
    console.print(text, soft_wrap=True)
    ended.wait()
    console.print("Stopping.")


def _login_link(gateway: str, key: str) -> str:
    """A link that logs the holder of the key in to the console."""
    answer = requests.post(f"{gateway}/console/links", headers={"X-API-Key": key}, timeout=60)
    answer.raise_for_status()
    return answer.text.strip()
