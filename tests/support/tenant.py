"""A tenant of the tests with its frontend."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import requests

from devcloud.seed_billing.export import Target, write_export
from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud

Json = dict[str, Any]

SMALL_EXPORT = Plan(seed=5, start=date(2025, 11, 15), days=4, rows_per_day=30)


@dataclass(frozen=True)
class Export:
    """A billing export in the tenant's project: its full name, and what its rows add up to."""

    table: str
    truth: Json


@dataclass
class Tenant:
    """An onboarded tenant with a GCP project; key and export are created when a test first uses them."""

    cloud: Devcloud
    tenant_id: str
    api_key: str
    project: str

    @cached_property
    def gcp_key(self) -> dict[str, str]:
        """A service-account key that may read the tenant's project."""
        return self.cloud.identity.mint_key(self.project, "billing-reader")

    @cached_property
    def export(self) -> Export:
        """The table that SMALL_EXPORT was seeded into."""
        return self.seed(SMALL_EXPORT)

    @cached_property
    def gcp_credentials(self) -> Json:
        """The body of POST credentials for GCP, with the export."""
        content = {"project_id": self.project, "service_account_json": json.dumps(self.gcp_key)}
        return {"provider": "GCP", "credentials": content | {"billing_export_table": self.export.table}}

    def share(self, owner: Tenant) -> None:
        """Use another tenant's project and export. Both tenants read them, and neither changes them."""
        self.project = owner.project
        self.__dict__.update(gcp_key=owner.gcp_key, export=owner.export)

    def seed(self, plan: Plan, *, location: str = "US", append: bool = False) -> Export:
        """Write another export, or more rows of one."""
        with self.cloud.clients(self.gcp_key) as clients:
            truth = write_export(clients.bigquery(), plan, Target(self.project, location=location), append=append)
        return Export(truth["table"], truth)


@dataclass(frozen=True)
class Api:
    """A frontend: calls the gateway with a tenant's API key, which `headers` can override or (None) leave out."""

    url: str
    api_key: str | None = None
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET a path of the API."""
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        """POST a JSON body."""
        return self.request("POST", path, json={} if body is None else body, **options)

    def patch(self, path: str, body: Any, **options: Any) -> requests.Response:
        """PATCH with a JSON body."""
        return self.request("PATCH", path, json=body, **options)

    def put(self, path: str, body: Any, **options: Any) -> requests.Response:
        """PUT a JSON body."""
        return self.request("PUT", path, json=body, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        """DELETE a path of the API."""
        return self.request("DELETE", path, **options)

    def request(
        self, method: str, path: str, *, headers: dict[str, str | None] | None = None, **options: Any
    ) -> requests.Response:
        """Any request; `options` are those of requests."""
        merged = {"X-API-Key": self.api_key} | (headers or {})
        return self.session.request(method, self.url + path, headers=merged, timeout=90, **options)
