"""A platform for an end-to-end test: one that it starts itself, or a deployed one."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from google.auth.transport.requests import Request
from google.cloud import bigquery
from google.oauth2 import id_token

from devcloud.environment import closed_way_out
from devcloud.loopback import reach_loopback_directly
from devcloud.seed_billing.export import Target, write_export
from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud
from shared.configuration.platform_config import get_platform
from tests.support.queries import ask

Json = dict[str, Any]
_DAY = date(2025, 11, 17)
_PROJECT = "acme-gcp-project"


class UnexpectedAnswerError(Exception):
    """A function answered with another status than the test expects."""


@dataclass(frozen=True)
class PlatformUnderTest:
    """Its functions' URLs, the operator's BigQuery and admin key, and a tenant's export to load.

    `id_token`: a person's, for all private functions; empty for a service account, which makes one for each.
    """

    urls: Mapping[str, str]
    client: bigquery.Client
    admin_key: str
    gcp_credentials: Json
    day: date
    timeout_seconds: float
    id_token: str = ""

    def ask(
        self,
        function: str,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        status: int,
        headers: Mapping[str, str],
    ) -> Json:
        """The answer's JSON; private functions are called as the operator, whatever `headers` say."""
        url = self.urls[function]
        if get_platform().functions[function].access == "private":
            token = self.id_token or id_token.fetch_id_token(Request(), url)
            headers = {"Authorization": f"Bearer {token}", "X-Admin-Key": self.admin_key}
        answer = requests.request(method, url + path, json=body, headers=headers, timeout=90)
        if answer.status_code != status:
            message = f"{method} {path} answered {answer.status_code}, not {status}: {answer.text[:500]}"
            raise UnexpectedAnswerError(message)
        content: Json = answer.json()
        return content

    def sql(self, text: str, *, own: str, **values: str) -> Sequence[Json]:
        """Rows as the operator sees them; {tenants} and {own} are the central dataset and one tenant's."""
        filled = text.format(tenants=f"`{get_platform().datasets.central}`", own=f"`{own}`")
        used = {name: value for name, value in values.items() if f"@{name}" in filled}
        return ask(self.client, filled, **used)


@contextmanager
def local_platform(timeout_seconds: float) -> Iterator[PlatformUnderTest]:
    """A local cloud in a folder of its own, with a sample export; it is removed afterwards."""
    reach_loopback_directly()
    with (
        TemporaryDirectory(prefix="convergence-e2e-") as state_dir,
        Devcloud(Path(state_dir), schedules=False) as cloud,
        cloud.clients() as clients,
    ):
        # The operator's identity comes from Application Default Credentials, as in a deployment.
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = cloud.ready["env"]["GOOGLE_APPLICATION_CREDENTIALS"]
        os.environ.update(closed_way_out(cloud.cloud))
        key = cloud.identity.mint_key(_PROJECT, "billing-reader")
        with cloud.clients(key) as tenants:
            plan = Plan(seed=1, start=_DAY, days=1, rows_per_day=200)
            export = write_export(tenants.bigquery(), plan, Target(_PROJECT, location=cloud.location))
        yield PlatformUnderTest(
            urls={name: f"{cloud.ready['gateway']}/{name}" for name in get_platform().functions},
            client=clients.bigquery(),
            admin_key=cloud.ready["admin_key"],
            gcp_credentials=_credentials(key, export["table"]),
            day=_DAY,
            timeout_seconds=timeout_seconds,
        )


@contextmanager
def deployed_platform(options: Namespace) -> Iterator[PlatformUnderTest]:
    """The platform that the command line names; the admin key is in the environment, so no process list shows it."""
    urls = {name: url.rstrip("/") for name, url in json.loads(options.urls.read_text()).items()}
    with bigquery.Client(project=options.project, location=options.bigquery_location) as client:
        yield PlatformUnderTest(
            urls=urls,
            client=client,
            admin_key=os.environ["CONVERGENCE_ADMIN_KEY"],
            gcp_credentials=_credentials(json.loads(options.gcp_key.read_text()), options.export_table),
            day=options.date,
            timeout_seconds=options.timeout,
            id_token=os.environ.get("CONVERGENCE_ID_TOKEN", ""),
        )


def _credentials(key: Mapping[str, str], export_table: str) -> Json:
    content = {
        "project_id": key["project_id"],
        "service_account_json": json.dumps(dict(key)),
        "billing_export_table": export_table,
    }
    return {"provider": "GCP", "credentials": content}
