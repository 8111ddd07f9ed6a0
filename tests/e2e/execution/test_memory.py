"""An executor needs no more memory for a large export than for a small one."""

from __future__ import annotations

import weakref
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from benchmarks.parts.executor_run import Bench
from devcloud.seed_billing.rows import Plan
from shared.adapters.google.tenant_export import TenantExport
from tests.support.executions import Executions
from tests.support.tenant import Tenant

SMALL_COPIES, LARGE_COPIES = 2, 20
SEED = Plan(seed=21, start=date(2025, 11, 10), days=2, rows_per_day=2500)


def test_ten_times_the_rows_need_the_same_memory(executions: Executions, tmp_path: Path) -> None:
    bench = Bench(executions, tmp_path)
    small, large = (bench.run(bench.tenant(copies), copies).peak_mib for copies in (SMALL_COPIES, LARGE_COPIES))
    assert large < 1.3 * small, f"{small:.0f} MiB became {large:.0f} MiB"


def test_an_export_is_read_in_batches_and_earlier_batches_are_freed(tenant: Tenant) -> None:
    table, columns = tenant.seed(SEED).table, ["usage_start_time", "cost", "credits"]
    seen: list[weakref.ref[pa.RecordBatch]] = []
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        export = TenantExport(clients.bigquery(), clients.bigquery_storage(), tenant.project, table)
        for batch in export.batches(columns, where="", snapshot_at=datetime.now(UTC)):
            assert [earlier for earlier in seen if earlier() is not None] == []
            seen.append(weakref.ref(batch))
    assert len(seen) > 2, "an export of one batch proves nothing"
