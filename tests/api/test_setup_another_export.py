"""A credential for another export than the published one: the answer names both."""

from __future__ import annotations

from shared.domain.credentials.notices import other_sources_warning
from tests.support.frontend import Frontend


def test_another_export_than_the_published_one_is_named(connected: Frontend) -> None:
    old, new = connected.tenant.export.table, f"{connected.tenant.project}.billing.detailed"
    with connected.tenant.cloud.clients(connected.tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(f"CREATE TABLE `{new}` LIKE `{old}` AS SELECT * FROM `{old}`")
    body = connected.gcp_body(billing_export_table=new)
    assert connected.store(body).json()["warnings"] == [], "nothing is published"
    connected.client.query_and_wait(
        f"INSERT INTO {connected.tenant_id}.x_meta_pipeline_runs"
        " (pipeline_logging_id, tenant_id, run_id, pipeline_id, trigger_type, status, source, created_at,"
        " rows_published)"
        f" VALUES ('r', '{connected.tenant_id}', 'q', 'gcp-cost-billing', 'api', 'COMPLETED', 'gcp:{old}',"
        " CURRENT_TIMESTAMP(), 7)"
    )
    warning = other_sources_warning(f"gcp:{new}", [f"gcp:{old}"])
    assert warning is not None
    assert connected.store(body).json()["warnings"] == [warning]
    assert connected.store(connected.gcp_body(billing_export_table=old)).json()["warnings"] == []
