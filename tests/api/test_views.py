"""Views of a tenant's tables are created with their table and follow its changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.stores.tenant_datasets import TenantDatasets
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table, get_views
from shared.use_cases.migrate_tables import Migration

OLDER, LATER = "focus_cost_v1_2", "focus_cost_v1_4"
TENANT = "with_views"


@pytest.fixture
def client(bigquery_client: bigquery.Client) -> Iterator[bigquery.Client]:
    """A client of a cloud where the tenant has a dataset without data."""
    TenantDatasets(warehouse_of(bigquery_client), writers=[]).prepare(TENANT)
    yield bigquery_client
    bigquery_client.delete_dataset(TENANT, delete_contents=True)


def shown(client: bigquery.Client) -> dict[str, list[str]]:
    """The columns of each view that the tenant has."""
    views = [table.table_id for table in client.list_tables(TENANT) if table.table_type == "VIEW"]
    return {view: [field.name for field in client.get_table(f"{TENANT}.{view}").schema] for view in views}


def migrated(client: bigquery.Client) -> dict[str, str | None]:
    """The changes and obstacles of a migration of the tenant."""
    migration = Migration(warehouse_of(client))
    plan = migration.plan([TENANT], progress=lambda *_: None)
    return {change.table.table: error for change, error in migration.carry_out(plan)}


def test_views_are_created_with_their_table_and_not_before(cloud: Devcloud, client: bigquery.Client) -> None:
    assert shown(client) == {}
    assert make_table(warehouse_of(client), TENANT, get_table("tenant_dataset", "focus_cost"))
    assert shown(client) == {name: view.shown for name, view in get_views().items() if view.of == "focus_cost"}
    assert migrated(client) == {}
    view = client.get_table(f"{TENANT}.{LATER}")
    assert f"`{cloud.project}`.`{TENANT}`.`focus_cost`" in view.view_query, "readers of other projects need the project"


def test_views_show_rows_and_follow_changes_of_their_table(client: bigquery.Client) -> None:
    resource = get_table("tenant_dataset", "focus_cost").to_api(client.project, TENANT)
    fields = [field for field in resource["schema"]["fields"] if field["name"] != "ServiceProviderName"]
    client.create_table(bigquery.Table.from_api_repr(resource | {"schema": {"fields": fields}}))
    older = bigquery.Table(f"{client.project}.{TENANT}.{OLDER}")
    older.view_query = f"SELECT BilledCost FROM `{client.project}`.{TENANT}.focus_cost"
    client.create_table(older)

    assert migrated(client) == dict.fromkeys(["focus_cost", OLDER, LATER])
    assert shown(client) == {name: get_views()[name].shown for name in (OLDER, LATER)}
    assert migrated(client) == {}


def test_a_credential_is_stored_even_if_a_view_cannot_be_created(client: bigquery.Client) -> None:
    odd = [bigquery.SchemaField("BilledCost", "STRING")]
    client.create_table(bigquery.Table(f"{client.project}.{TENANT}.focus_cost", schema=odd))
    preparation = TenantDatasets(warehouse_of(client), writers=[]).prepare(TENANT)
    assert {refused.table for refused in preparation.tables_refused} == {"focus_cost", OLDER, LATER}
