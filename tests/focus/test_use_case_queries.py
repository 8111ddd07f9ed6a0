"""The queries of FOCUS's official use cases run on the views, over published rows of three clouds."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from devcloud.objects import s3_buckets
from devcloud.objects.s3 import REGION
from devcloud.seed_billing.deliveries import deliver_aws, deliver_azure
from tests.conftest import MakeFrontend
from tests.support.executions import Executions
from tests.support.focus.files import charge, csv_of

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venvs" / "queries" / "bin" / "python"
DAYS = [date(2025, 11, 10) + timedelta(days=number) for number in range(8)]

pytestmark = [
    pytest.mark.judge,
    pytest.mark.skipif(not PYTHON.exists(), reason="`make judge-focus` makes the environment of the queries"),
]
VIEWS = {"1.2": "focus_cost_v1_2", "1.4": "focus_cost_v1_4"}
COUNTS = {"1.2": 53, "1.4": 66}  # the queries that the package has
OCTOBER = date(2025, 10, 1)
ELIGIBLE = {"CommitmentPrograms": [{"ProgramType": "FlexibleSpendPlan"}, {"ProgramType": "ZonalResourceCommitment"}]}
CONTRACT = {"Elements": [{"ContractCommitmentID": "contract-1", "ContractCommitmentAppliedCost": 2}]}
PLAN = {"CommitmentDiscountId": "plan", "CommitmentDiscountCategory": "Spend", "CommitmentDiscountType": "Plan"}
RESERVED = {"CapacityReservationId": "reserved-1", "ConsumedQuantity": "", "ConsumedUnit": ""}
# What the sample bills of the clouds do not have: charges of a provider whose files are of FOCUS 1.4.
CHARGES: list[dict[str, str]] = [
    {"Tags": '{"Application": "shop", "ApplicationId": "7"}'},
    {"CommitmentProgramEligibilityDetails": json.dumps(ELIGIBLE)},
    {"ChargeCategory": "Purchase", "ContractApplied": json.dumps(CONTRACT), "ChargeFrequency": "One-Time"},
    {"AllocatedMethodId": "by-pod", "AllocatedResourceId": "pod-1", "AllocatedResourceName": "pod"},
    {"SkuPriceDetails": '{"CoreCount": 4, "InstanceSeries": "E5"}'},
    {"ChargeDescription": "data transfer out", "ConsumedUnit": "GB"},
    {"ChargeClass": "Correction"},
    {"CapacityReservationStatus": "Unused", **RESERVED},
    {"ChargeCategory": "Purchase", "ChargeFrequency": "One-Time", **PLAN},
    {"PublisherName": "Seller", "ServiceProviderName": "Seller", "HostProviderName": "Oracle"},
]
_NULLS = "it compares ChargeClass, which is NULL except for corrections"
_QUOTES = "it compares the program's type with JSON_VALUE's answer, which has quotation marks in DuckDB"
# All queries run. These return no row, whatever the data, because of the queries themselves.
NO_ROWS = {
    "1.2": {"verify_discounts_applied": _NULLS},
    "1.4": {
        "verify_discount_accuracy_for_a_previously_invoiced_billing_period_corrections_excluded": _NULLS,
        "compare_commitment_opportunities_across_providers_cross_provider_with_saas": _QUOTES,
        "identify_eligible_capacity_reservation_spend": _QUOTES,
        "identify_eligible_uncovered_spend_by_program_type": _QUOTES,
    },
}


@dataclass(frozen=True)
class Judged:
    """The rows of a view, and the result of each query over them."""

    rows: pa.Table
    results: Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def judged(make_frontend: MakeFrontend, executions: Executions, tmp_path_factory: Any) -> dict[str, Judged]:
    """The results by version, for a tenant with a week's bills of three clouds and a file of a fourth provider."""
    frontend, cloud = make_frontend(), executions.cloud
    state, name = cloud.state.path, f"queries-{uuid.uuid4().hex[:8]}"
    executions.run(frontend.tenant, {})
    bodies = [deliver(state, name, 7, DAYS).credentials for deliver in (deliver_aws, deliver_azure)]
    for body, template in zip(
        [*bodies, _deliver_file(state, f"{name}-file")], ("billing", "billing", "file"), strict=True
    ):
        assert frontend.store(body).status_code in (200, 201)
        verified = frontend.api.post(f"{frontend.credentials_path}/{body['provider']}/verify").json()
        executions.run(frontend.tenant, {}, template=template, source=verified["source"])
    return {
        version: _judged(executions.client, frontend.tenant_id, version, tmp_path_factory.mktemp("queries"))
        for version in VIEWS
    }


def _deliver_file(state: Path, bucket: str) -> dict[str, Any]:
    """Write the file into a bucket of its own; returns the body of POST credentials."""
    buckets = s3_buckets(state)
    reader = buckets.make(bucket, f"AKIA{uuid.uuid4().hex[:16].upper()}")
    rows = [charge("2", OCTOBER, **{"InvoiceDetailId": "", **given}) for given in CHARGES]
    buckets.put(bucket, "exports/oracle-2025-10.csv", csv_of(rows))
    key = {"access_key_id": reader.id, "secret_access_key": reader.secret}
    return {"provider": "FOCUS", "credentials": {"region": REGION, "bucket": bucket, "prefix": "exports", **key}}


def _judged(client: bigquery.Client, tenant_id: str, version: str, folder: Path) -> Judged:
    file = folder / "rows.parquet"
    job = client.query(f"SELECT * FROM {tenant_id}.{VIEWS[version]}")
    table = job.to_arrow(create_bqstorage_client=False).replace_schema_metadata(None)
    columns = [
        column.cast(pa.string()) if isinstance(column.type, pa.BaseExtensionType) else column
        for column in table.columns
    ]
    table = pa.table(dict(zip(table.column_names, columns, strict=True)))
    pq.write_table(table, file)
    return Judged(table, _results(version, file))


def _results(version: str, file: Path) -> dict[str, dict[str, Any]]:
    command = [str(PYTHON), str(ROOT / "tools" / "focus_judge" / "use_cases.py"), version, str(file)]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert answer.returncode == 0, answer.stderr[-2000:]
    found: dict[str, dict[str, Any]] = json.loads(answer.stdout)
    return found


@pytest.mark.parametrize("version", VIEWS)
def test_every_query_runs_and_returns_columns(judged: dict[str, Judged], version: str) -> None:
    results = judged[version].results
    assert len(results) == COUNTS[version]
    assert {name: result["error"] for name, result in results.items() if "error" in result} == {}
    assert all(result["columns"] for result in results.values())
    assert {name for name, result in results.items() if not result["rows"]} == NO_ROWS[version].keys()


@pytest.mark.parametrize("version", VIEWS)
def test_a_query_that_the_view_cannot_answer_is_found(judged: dict[str, Judged], version: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(judged[version].rows.drop_columns(["RegionId"]), file)
    results = _results(version, file)
    assert "RegionId" in results["daily_anomaly_region"]["error"]
    assert results["costs_service_category"] == judged[version].results["costs_service_category"]
