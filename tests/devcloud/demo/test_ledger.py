"""What the demo reads of a tenant's costs, whatever other runs publish meanwhile."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.demo.ledger import Ledger
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from tests.support.frontend import Frontend
from tests.support.tenant_rows import charge, load

DAY = date(2025, 11, 15)


def test_the_costs_of_one_source_are_read_although_other_clouds_have_published(
    frontend: Frontend, bigquery_client: bigquery.Client
) -> None:
    frontend.store_keyless()
    make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", "focus_cost"))
    charges = [
        charge(DAY.isoformat(), BilledCost=cost, ServiceCategory="Compute", x_source=source)
        for source, cost in (("gcp:a.b.c", "7"), ("aws:bills", "2"), ("gcp:a.b.other", "1"))
    ]
    load(bigquery_client, f"{frontend.tenant_id}.focus_cost", charges)
    found = Ledger(bigquery_client).billed_by_category(frontend.tenant_id, "gcp:a.b.c", DAY, DAY)
    assert found == {"Compute": Decimal(7)}
