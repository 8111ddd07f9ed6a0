"""Calls every route of every public function, with a valid body where the route changes state."""

from __future__ import annotations

import re
import uuid

import requests

from shared.configuration.platform_config import get_platform
from tests.support.tenant import Api

ROUTES = [
    route
    for function in get_platform().functions.values()
    if function.access == "public" and function.answers == "json"
    for route in function.routes
]


def call(api: Api, route: str, tenant_id: str, *, headers: dict[str, str | None] | None = None) -> requests.Response:
    method, path = route.split(" ")
    return api.request(method, filled(path, tenant_id), headers=headers, json={} if method == "POST" else None)


def filled(path: str, tenant_id: str) -> str:
    """A route's path, with its placeholders replaced."""
    parts = {
        "tenant_id": tenant_id, "provider": "gcp", "domain": "cost", "template": "billing",
        "pipeline_logging_id": str(uuid.UUID(int=1)), "config_id": str(uuid.UUID(int=2)),
        "backfill_id": str(uuid.UUID(int=3)), "name": "environment", "month": "2025-10",
    }  # fmt: skip
    return re.sub(r"{(\w+)}", lambda match: parts[match[1]], path)
