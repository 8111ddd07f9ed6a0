"""Asks the API whether a tenant's published costs equal those of the providers' own rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.tenant import Api, Tenant


def reconciliation_of(tenant: Tenant, first: str, last: str) -> dict[str, Any]:
    """The answer to GET reconciliation for the billing periods of a range of days."""
    api = Api(tenant.cloud.ready["gateway"], tenant.api_key)
    with api.session:
        path = f"/api/v1/costs/{tenant.tenant_id}/reconciliation"
        answer = api.get(path, params={"from": first, "to": last})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def assert_reconciled(tenant: Tenant, first: str, last: str, *, billed: Decimal) -> None:
    """Assert that no line differs and that the published costs of all lines add up to `billed`."""
    blocks = reconciliation_of(tenant, first, last)["currencies"]
    lines = [line for block in blocks for line in block["lines"]]
    assert [line for line in lines if Decimal(line["difference"])] == []
    assert sum((Decimal(line["billed_cost"]) for line in lines), Decimal(0)) == billed
