"""One run by an executor process on its own devcloud, and its cost."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from devcloud.environment import function_environment
from devcloud.onboarding import onboard
from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud
from tests.support.executions import Delivery, Executions
from tests.support.tenant import Tenant

SEED = Plan(seed=21, start=date(2025, 11, 1), days=10, rows_per_day=1_000)
_PARQUET_ROWS = 65_536
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Took:
    """The cost from the start of the process until the rows are published. CPU and memory are those of the process."""

    rows: int
    seconds: float
    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Bench:
    """A devcloud and tenants with large exports, which repeat the rows of one plan."""

    executions: Executions
    folder: Path
    plan: Plan = SEED

    def tenant(self, copies: int) -> Tenant:
        """A tenant whose export has this many copies of the plan's rows."""
        number, cloud = uuid.uuid4().hex[:12], self.executions.cloud
        onboarded = onboard(self.executions.client, f"tenant_{number}")
        tenant = Tenant(cloud, onboarded.tenant_id, onboarded.api_key, project=f"gcp-{number}")
        tenant.__dict__["export"] = tenant.seed(self.plan)
        if copies > 1:
            with cloud.clients(tenant.gcp_key) as clients:
                clients.bigquery().query_and_wait(
                    f"INSERT INTO `{tenant.export.table}` SELECT export.* FROM `{tenant.export.table}` AS export"
                    f" CROSS JOIN UNNEST(GENERATE_ARRAY(2, {copies})) AS copy"
                )
        return tenant

    def run(self, tenant: Tenant, copies: int) -> Took:
        """Publish the whole export in a fresh executor process. Raise AssertionError unless all rows are published."""
        task = self.executions.admit(tenant, {}, lease_seconds=3000)
        took = self.executor(task, "benchmarks.parts.export_only")
        rows, wanted = self._published(tenant), tenant.export.truth["rows"] * copies
        assert rows == wanted, f"{rows} rows were published, not {wanted}"
        return Took(rows, **took)

    def executor(self, task: Delivery, module: str, *arguments: str, most_bytes: int | None = None) -> dict[str, Any]:
        """Run the module with the task in a fresh executor process, and return the last line that it prints.

        With `most_bytes` the process cannot allocate more.
        """
        cloud, key_file = self.executions.cloud, self.folder / f"{uuid.uuid4().hex}.json"
        key_file.write_text(json.dumps(cloud.identity.mint_key(cloud.project, "cvg-worker")), encoding="utf-8")
        environment = {**os.environ, **function_environment(cloud.cloud, "execute_run", key_file=key_file)}
        body = {name: value for name, value in task.to_body().items() if value is not None}
        command = [sys.executable, "-m", module, json.dumps(body), *arguments]
        limit = partial(resource.setrlimit, resource.RLIMIT_DATA, (most_bytes, most_bytes)) if most_bytes else None
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT, preexec_fn=limit
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def _published(self, tenant: Tenant) -> int:
        (row,) = self.executions.query(f"SELECT COUNT(*) AS n FROM {tenant.tenant_id}.gcp_cost_billing")
        return int(row["n"])

    def write_parquet(self, tenant: Tenant, copies: int, *, name: str = "export") -> Path:
        """Write the rows of the tenant's export to a Parquet file."""
        with self.executions.cloud.clients(tenant.gcp_key) as clients:
            query = clients.bigquery().query(
                f"SELECT * FROM `{tenant.export.table}` LIMIT {tenant.export.truth['rows']}"
            )
            once: pa.Table = query.to_arrow(create_bqstorage_client=False)
        path = self.folder / f"{name}.parquet"
        with pq.ParquetWriter(path, once.schema, compression="zstd") as writer:
            for _ in range(copies):
                writer.write_table(once, row_group_size=_PARQUET_ROWS)
        return path


@contextmanager
def bench() -> Iterator[Bench]:
    """A devcloud without schedules; at the end everything in it is removed."""
    with (
        TemporaryDirectory(prefix="convergence-bench-") as folder,
        Devcloud(Path(folder) / "state", schedules=False) as cloud,
        cloud.clients() as clients,
    ):
        yield Bench(Executions(cloud, clients.bigquery()), Path(folder))
