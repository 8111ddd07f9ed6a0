"""aws/cost/billing on SeaweedFS and azure/cost/billing on Azurite, from a stored credential to published sums.

Nothing between the credential and the store is ours: SeaweedFS checks the token of a run that devcloud's Google has
signed, by the published key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from google.cloud import bigquery

from devcloud.environment import function_environment
from devcloud.gateway.function_process import FunctionProcess
from devcloud.identity.identity import unique_id
from devcloud.server import Devcloud
from shared.domain.credentials.setup_guides import Platform, setup_guide
from tests.conftest import MakeTenant
from tests.support.aws_exports import Report, line, total
from tests.support.azure_exports import Export, charge
from tests.support.azure_exports import total as total_of_azure
from tests.support.executions import Executions, Json
from tests.support.instance import Instance
from tests.support.local_blobs import ACCOUNT, local_blobs
from tests.support.local_s3 import REGION
from tests.support.stores.blob_servers import azurite
from tests.support.stores.google_issuer import published_keys_of
from tests.support.stores.seaweedfs import ROLE, seaweedfs
from tests.support.tenant import Api, Tenant

pytestmark = pytest.mark.judge
AUGUST, SEPTEMBER = date(2026, 8, 1), date(2026, 9, 1)
COSTS = [f"{number % 97}.{number:09d}" for number in range(3000)]
Start = Callable[[dict[str, str]], Executions]


@pytest.fixture
def start(cloud: Devcloud, bigquery_client: bigquery.Client, tmp_path: Path) -> Iterator[Start]:
    """Starts an executor with its own settings, and ends it after the test."""
    key_file = tmp_path / "worker.json"
    key_file.write_text(json.dumps(cloud.identity.mint_key(cloud.project, "cvg-worker")))
    environment = function_environment(cloud.cloud, "execute_run", key_file=key_file)
    with ExitStack() as started:

        def start(settings: dict[str, str]) -> Executions:
            process = FunctionProcess(
                "execute_run", lambda: environment | settings, log_path=tmp_path / "execute_run.log"
            )
            instance = Instance(process)
            started.callback(instance.stop)
            return Executions(cloud, bigquery_client, url=instance.url)

        yield start


def store_credentials(cloud: Devcloud, tenant: Tenant, body: Json) -> None:
    api = Api(cloud.ready["gateway"], tenant.api_key)
    answer = api.post(f"/api/v1/tenants/{tenant.tenant_id}/credentials", body)
    assert answer.status_code in (200, 201), answer.text


def billed(executions: Executions, tenant: Tenant) -> dict[date, tuple[int, Decimal]]:
    rows = executions.query(
        "SELECT DATE(BillingPeriodStart) AS period, COUNT(*) AS row_count, SUM(BilledCost) AS billed"
        f" FROM {tenant.tenant_id}.focus_cost GROUP BY period ORDER BY period"
    )
    return {row["period"]: (row["row_count"], row["billed"]) for row in rows}


def test_a_report_on_seaweedfs_is_published_with_a_role_and_with_a_key(
    cloud: Devcloud, make_tenant: MakeTenant, start: Start, tmp_path: Path
) -> None:
    tenant = make_tenant()
    worker = f"cvg-worker@{cloud.project}.iam.gserviceaccount.com"
    guide = setup_guide("AWS", tenant.tenant_id, Platform(cloud.project, worker, unique_id(worker)))
    (tmp_path / "seaweedfs").mkdir()
    with (
        published_keys_of(cloud.identity) as keys_url,
        seaweedfs(tmp_path / "seaweedfs", keys_url, guide) as server,
    ):
        executions = start({"S3_ENDPOINT": server.endpoint, "STS_ENDPOINT": server.endpoint})
        server.make_bucket("bills")
        place = {"region": REGION, "bucket": "bills", "prefix": "exports"}
        source = "aws:bills/exports"
        august = [line(AUGUST, number, cost) for number, cost in enumerate(COSTS[:50])]
        september = [line(SEPTEMBER, number, cost) for number, cost in enumerate(COSTS)]
        report = Report(server, "bills")
        report.deliver(AUGUST, august)
        report.deliver(SEPTEMBER, september, files=3)
        store_credentials(cloud, tenant, {"provider": "AWS", "credentials": place | {"role_arn": ROLE}})
        executions.run(tenant, {}, source=source)
        expected = {AUGUST: (50, total(august)), SEPTEMBER: (3000, total(september))}
        assert billed(executions, tenant) == expected

        # A neighbour who enters the same role gets nothing: the token of its runs has another audience.
        neighbour = make_tenant()
        store_credentials(cloud, neighbour, {"provider": "AWS", "credentials": place | {"role_arn": ROLE}})
        delivery = executions.admit(neighbour, {}, source=source, max_retries=3)
        assert executions.deliver(delivery) == "FAILED"
        assert "CREDENTIALS_REJECTED: AWS does not let the platform assume the role" in executions.error_of(delivery)

        store_credentials(cloud, tenant, server.credentials("bills", "exports"))
        report.deliver(SEPTEMBER, september[:7])
        executions.run(tenant, {}, source=source)
        assert billed(executions, tenant) == expected | {SEPTEMBER: (7, total(september[:7]))}


def test_an_export_on_azurite_is_published(
    cloud: Devcloud, make_tenant: MakeTenant, start: Start, tmp_path: Path
) -> None:
    tenant = make_tenant()
    (tmp_path / "azurite").mkdir()
    with local_blobs(tmp_path) as entra, azurite(tmp_path / "azurite", entra) as server:
        trusted = tmp_path / "trusted.pem"
        trusted.write_bytes(cloud.cloud.ca_path.read_bytes() + server.certificate.read_bytes())
        settings = {"BLOB_ENDPOINT": server.endpoint, "ENTRA_ENDPOINT": server.authority}
        executions = start(settings | {"REQUESTS_CA_BUNDLE": str(trusted)})
        container = server.make_container()
        source = f"azure:{ACCOUNT}/{container}/exports"
        export = Export(partial(server.put, container))
        august = [charge(AUGUST, number, cost) for number, cost in enumerate(COSTS[:50])]
        september = [charge(SEPTEMBER, number, cost) for number, cost in enumerate(COSTS)]
        export.deliver(AUGUST, august, ending="snappy.parquet")
        export.deliver(SEPTEMBER, september, files=3, ending="csv.gz")
        store_credentials(cloud, tenant, server.credentials(container, "exports"))
        executions.run(tenant, {}, source=source)
        expected = {AUGUST: (50, total_of_azure(august)), SEPTEMBER: (3000, total_of_azure(september))}
        assert billed(executions, tenant) == expected

        export.deliver(SEPTEMBER, september[:7])
        executions.run(tenant, {}, source=source)
        assert billed(executions, tenant) == expected | {SEPTEMBER: (7, total_of_azure(september[:7]))}
