"""An executor needs no more memory for a large export than for a small one."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from datetime import UTC, date, datetime

import pyarrow as pa

from devcloud.seed_billing.rows import Plan
from shared.adapters.tenant_export import TenantExport
from tests.conftest import MakeTenant
from tests.executions import Executions, Instance
from tests.tenant import Tenant

StartInstance = Callable[..., Instance]
SMALL_COPIES, LARGE_COPIES = 2, 20
SEED = Plan(seed=21, start=date(2025, 11, 10), days=2, rows_per_day=2500)


def peak_mib(executions: Executions, tenant: Tenant, instance: Instance, copies: int) -> float:
    """The peak of a fresh instance that loads the export this many times over."""
    tenant.__dict__["export"] = tenant.seed(SEED)
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        columns = f"`{tenant.export.table}`"
        clients.bigquery().query_and_wait(
            f"INSERT INTO {columns} SELECT export.* FROM {columns} AS export"
            f" CROSS JOIN UNNEST(GENERATE_ARRAY(2, {copies})) AS copy"
        )
    delivery = executions.admit(tenant, {})
    assert executions.deliver(delivery, url=instance.url) == "SUCCEEDED"
    published = sum(month["row_count"] for month in executions.published(tenant))
    assert published == tenant.export.truth["rows"] * copies
    return instance.peak_memory_mib()


def test_ten_times_the_rows_need_the_same_memory(
    executions: Executions, make_tenant: MakeTenant, start_instance: StartInstance
) -> None:
    small = peak_mib(executions, make_tenant(), start_instance(), SMALL_COPIES)
    large = peak_mib(executions, make_tenant(), start_instance(), LARGE_COPIES)
    assert large < 1.3 * small, f"{small:.0f} MiB became {large:.0f} MiB"


def test_who_reads_an_export_is_handed_one_batch_at_a_time_and_nothing_keeps_the_others(tenant: Tenant) -> None:
    table, columns = tenant.seed(SEED).table, ["usage_start_time", "cost", "credits"]
    seen: list[weakref.ref[pa.RecordBatch]] = []
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        export = TenantExport(clients.bigquery(), clients.bigquery_storage(), tenant.project, table)
        for batch in export.batches(columns, where="", snapshot_at=datetime.now(UTC)):
            assert [earlier for earlier in seen if earlier() is not None] == []
            seen.append(weakref.ref(batch))
    assert len(seen) > 2, "an export of one batch proves nothing"
