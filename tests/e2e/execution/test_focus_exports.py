"""aws/cost/focus, azure/cost/focus and focus/cost/file from a bucket or container to published rows."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeTenant
from tests.support import azure_exports
from tests.support.executions import Executions
from tests.support.focus.files import Row, charge, csv_of, parquet_of
from tests.support.local_blobs import ACCOUNT, LocalBlobs, local_blobs
from tests.support.local_s3 import LocalS3, local_s3
from tests.support.reconciled import assert_reconciled
from tests.support.tenant import Api, Tenant

AUGUST, SEPTEMBER = date(2026, 8, 1), date(2026, 9, 1)
OF_AWS = {
    "ProviderName": "AWS",
    "InvoiceIssuerName": "Amazon Web Services, Inc.",
    "PublisherName": "AWS",
    "x_Operation": "Run",
}
OF_AZURE = {
    "ProviderName": "Microsoft",
    "InvoiceIssuerName": "Microsoft",
    "PublisherName": "Microsoft",
    "ListCost": "0",
}


@pytest.fixture(scope="module")
def s3() -> Iterator[LocalS3]:
    with local_s3() as started:
        yield started


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBlobs]:
    with local_blobs(tmp_path_factory.mktemp("azure")) as started:
        yield started


@pytest.fixture(scope="module")
def runs(
    executions: Executions, environment: dict[str, str], s3: LocalS3, azure: LocalBlobs, tmp_path_factory: Any
) -> Any:
    from devcloud.gateway.function_process import FunctionProcess
    from tests.support.instance import Instance

    folder = tmp_path_factory.mktemp("execute")
    trusted = folder / "trusted.pem"
    known = environment.get("REQUESTS_CA_BUNDLE")
    trusted.write_bytes((Path(known).read_bytes() if known else b"") + azure.certificate.read_bytes())
    endpoints = {"BLOB_ENDPOINT": azure.endpoint, "ENTRA_ENDPOINT": azure.endpoint, "S3_ENDPOINT": s3.endpoint}
    endpoints |= {"GCS_ENDPOINT": s3.endpoint}
    settings = environment | endpoints | {"STS_ENDPOINT": s3.endpoint, "REQUESTS_CA_BUNDLE": str(trusted)}
    instance = Instance(FunctionProcess("execute_run", lambda: settings, log_path=folder / "execute_run.log"))
    yield replace(executions, url=instance.url)
    instance.stop()


def store_credentials(runs: Executions, tenant: Tenant, body: dict[str, Any]) -> None:
    api = Api(runs.cloud.ready["gateway"], tenant.api_key)
    answer = api.post(f"/api/v1/tenants/{tenant.tenant_id}/credentials", body)
    assert answer.status_code == 201, answer.text


def published(runs: Executions, tenant: Tenant) -> list[tuple[date, str, str, int, Decimal]]:
    """Period, provider and version of the published rows, with their number and billed cost."""
    found = runs.query(
        "SELECT DATE(BillingPeriodStart) AS period, ProviderName AS provider, x_source_version AS version,"
        f" COUNT(*) AS row_count, SUM(BilledCost) AS billed FROM {tenant.tenant_id}.focus_cost"
        " GROUP BY period, provider, version ORDER BY period, provider"
    )
    return [tuple(row.values()) for row in found]


def deliver(s3: LocalS3, bucket: str, period: date, rows: Sequence[Row]) -> None:
    """Deliver as AWS's Data Exports do: a Parquet file, and then the manifest."""
    folder = f"exports/focus/data/billing_period={period:%Y-%m}"
    s3.put(bucket, f"{folder}/focus-00001.snappy.parquet", parquet_of(rows))
    manifest = {"executionId": str(uuid.uuid4()), "dataFiles": [f"s3://{bucket}/{folder}/focus-00001.snappy.parquet"]}
    key = f"exports/focus/metadata/billing_period={period:%Y-%m}/focus-Manifest.json"
    s3.put(bucket, key, json.dumps(manifest).encode())


def test_aws_delivers_focus(runs: Executions, s3: LocalS3, make_tenant: MakeTenant) -> None:
    tenant, bucket = make_tenant(), f"focus-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(bucket)
    store_credentials(runs, tenant, s3.credentials(bucket, "exports"))
    deliver(s3, bucket, AUGUST, [charge("4", AUGUST, **OF_AWS)])
    deliver(s3, bucket, SEPTEMBER, [charge("1.5", SEPTEMBER, **OF_AWS), charge("0.123456789", SEPTEMBER, **OF_AWS)])
    run = partial(runs.run, tenant, {}, template="focus", source=f"aws:{bucket}/exports")
    run()
    assert published(runs, tenant) == [
        (AUGUST, "AWS", "focus_1.0", 1, Decimal(4)),
        (SEPTEMBER, "AWS", "focus_1.0", 2, Decimal("1.623456789")),
    ]
    deliver(s3, bucket, SEPTEMBER, [charge("7", SEPTEMBER, **OF_AWS, InvoiceId="i-1")])
    run()
    assert published(runs, tenant)[1:] == [(SEPTEMBER, "AWS", "focus_1.2", 1, Decimal(7))]
    assert_reconciled(tenant, "2026-08-01", "2026-09-30", billed=Decimal(11))
    (raw,) = runs.query(
        f"SELECT JSON_VALUE(x_other_columns, '$.x_Operation') AS operation, InvoiceIssuerName AS issuer"
        f" FROM {tenant.tenant_id}.focus_cost_file WHERE x_billing_period = '2026-09-01'"
    )
    assert raw == {"operation": "Run", "issuer": "Amazon Web Services, Inc."}


def test_azure_delivers_focus(runs: Executions, azure: LocalBlobs, make_tenant: MakeTenant) -> None:
    tenant, container = make_tenant(), azure.make_container()
    store_credentials(runs, tenant, azure.credentials(container, "exports"))
    export = azure_exports.Export(partial(azure.put, container))
    rows = [charge("2", SEPTEMBER, **OF_AZURE), charge("3", SEPTEMBER, **OF_AZURE, ChargePeriodEnd="2026-09-01T11:00Z")]
    other_version = {"exportConfig": {"type": "FocusCost", "dataVersion": "1.0r2"}}
    export.deliver(SEPTEMBER, rows, ending="csv.gz", manifest=other_version)
    source = f"azure:{ACCOUNT}/{container}/exports"
    delivery = runs.run(tenant, {}, template="focus", source=source)
    assert published(runs, tenant) == [(SEPTEMBER, "Microsoft", "focus_1.0r2", 2, Decimal(5))]
    (repairs,) = runs.query(
        "SELECT severity, passed, failed_rows, TO_JSON_STRING(sample) AS sample"
        f" FROM {tenant.tenant_id}.x_meta_dq_results WHERE pipeline_logging_id = @run_id AND check_id = 'repairs'",
        run_id=delivery.run_id,
    )
    assert (repairs["severity"], repairs["passed"], repairs["failed_rows"]) == ("warn", False, 1)
    assert '"ListCost":2' in repairs["sample"].replace(" ", "").replace("\\", "")

    export.deliver(SEPTEMBER, rows, manifest={"exportConfig": {"type": "ActualCost"}})
    refused = runs.admit(tenant, {}, template="focus", source=source, max_retries=0)
    assert runs.deliver(refused) == "FAILED"
    assert "is an export of ActualCost; this pipeline reads FocusCost" in runs.error_of(refused)


def test_the_same_costs_of_another_export_are_refused(runs: Executions, s3: LocalS3, make_tenant: MakeTenant) -> None:
    tenant, bucket = make_tenant(), f"focus-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(bucket)
    for prefix in ("exports", "others"):
        s3.put(
            bucket, f"{prefix}/focus/data/billing_period=2026-09/f-1.csv", csv_of([charge("1", SEPTEMBER, **OF_AWS)])
        )
    store_credentials(runs, tenant, s3.credentials(bucket, "exports"))
    runs.run(tenant, {}, template="focus", source=f"aws:{bucket}/exports")
    api = Api(runs.cloud.ready["gateway"], tenant.api_key)
    api.post(f"/api/v1/tenants/{tenant.tenant_id}/credentials", s3.credentials(bucket, "others"))
    other = runs.admit(tenant, {}, template="focus", source=f"aws:{bucket}/others", max_retries=0)
    assert runs.deliver(other) == "FAILED"
    assert "CHECK_FAILED: other_exports: 1, expected 0" in runs.error_of(other)


@pytest.mark.parametrize("store", ["azure", "gcp"])
def test_files_of_anybody_are_loaded_from_any_store(
    runs: Executions, s3: LocalS3, azure: LocalBlobs, make_tenant: MakeTenant, store: str
) -> None:
    tenant, name = make_tenant(), f"focus-{uuid.uuid4().hex[:12]}"
    if store == "azure":
        name = azure.make_container()
        put, place = partial(azure.put, name), f"{ACCOUNT}/{name}/exports"
        body = azure.credentials(name, "exports")["credentials"]
    else:  # Cloud Storage answers the requests of S3's clients, so the local S3 plays it
        s3.make_bucket(name)
        put, place = partial(s3.put, name), f"{name}/exports"
        body = {"bucket": name, "prefix": "exports", "hmac_access_id": s3.reader["access_key_id"]}
        body["hmac_secret"] = s3.reader["secret_access_key"]
    store_credentials(runs, tenant, {"provider": "FOCUS", "credentials": body})
    put("exports/oracle-2026-08.csv", csv_of([charge("4", AUGUST)]))
    put("exports/oracle-2026-09.csv.gz", gzip.compress(csv_of([charge("1.5"), charge("0.123456789")])))
    run = partial(runs.run, tenant, {}, template="file", source=f"focus:{store}:{place}")
    run()
    wanted = [(AUGUST, "Oracle", "focus_1.0", 1, Decimal(4))]
    assert published(runs, tenant) == [*wanted, (SEPTEMBER, "Oracle", "focus_1.0", 2, Decimal("1.623456789"))]
    put("exports/oracle-2026-09.csv.gz", gzip.compress(csv_of([charge("9")])))
    run()
    assert published(runs, tenant) == [*wanted, (SEPTEMBER, "Oracle", "focus_1.0", 1, Decimal(9))]
