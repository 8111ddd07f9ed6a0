"""aws/cost/billing from an S3 bucket to published rows: it replaces whole billing periods and nothing else."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import S3Backend

from tests.conftest import MakeTenant
from tests.support.aws_exports import Report, deliver_cur2, line, total
from tests.support.daily_costs import assert_added_up
from tests.support.executions import Delivery, Executions
from tests.support.local_s3 import LocalS3, local_s3
from tests.support.reconciled import assert_reconciled
from tests.support.tenant import Api, Tenant

Json = dict[str, Any]
DATA = Path(__file__).parents[4] / "shared" / "data" / "aws"
SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)
TRIES = 3  # of the step that reads, in its template
COVERED = ("SavingsPlanCoveredUsage", "SavingsPlanNegation", "DiscountedUsage")


@dataclass(frozen=True)
class Bucket:
    """A tenant with its own bucket, whose credential names a prefix in it."""

    tenant: Tenant
    executions: Executions
    report: Report[LocalS3]

    @property
    def source(self) -> str:
        return f"aws:{self.report.bucket}/{self.report.prefix}"

    def store_credentials(self, **wrong: str) -> None:
        api = Api(self.executions.cloud.ready["gateway"], self.tenant.api_key)
        body = self.report.store.credentials(self.report.bucket, self.report.prefix, **wrong)
        assert api.post(f"/api/v1/tenants/{self.tenant.tenant_id}/credentials", body).status_code in (200, 201)

    def run(self, parameters: Json | None = None) -> Delivery:
        return self.executions.run(self.tenant, parameters or {}, source=self.source)

    def fail(self, parameters: Json | None = None) -> str:
        delivery = self.executions.admit(self.tenant, parameters or {}, source=self.source, max_retries=0)
        assert self.executions.deliver(delivery) == "FAILED"
        return self.executions.error_of(delivery)

    def billed(self) -> dict[date, tuple[int, Decimal]]:
        """The number and cost of published rows by billing period. Both tables must have the same."""
        return {
            row["period"]: (row["row_count"], row["billed"])
            for row in self.executions.query(
                "SELECT DATE(BillingPeriodStart) AS period, COUNT(*) AS row_count, SUM(BilledCost) AS billed"
                f" FROM {self.tenant.tenant_id}.focus_cost GROUP BY period ORDER BY period"
            )
        }


@pytest.fixture(scope="module")
def store() -> Iterator[LocalS3]:
    with local_s3() as started:
        yield started


@pytest.fixture(scope="module")
def aws(executions: Executions, environment: dict[str, str], store: LocalS3, tmp_path_factory: Any) -> Any:
    from devcloud.gateway.function_process import FunctionProcess
    from tests.support.instance import Instance

    settings = environment | {"S3_ENDPOINT": store.endpoint, "STS_ENDPOINT": store.endpoint}
    log_path = tmp_path_factory.mktemp("aws") / "execute_run.log"
    instance = Instance(FunctionProcess("execute_run", lambda: settings, log_path=log_path))
    yield replace(executions, url=instance.url)
    instance.stop()


@pytest.fixture
def make_bucket(store: LocalS3, aws: Executions, make_tenant: MakeTenant) -> Callable[..., Bucket]:
    def make(**wrong: str) -> Bucket:
        tenant, name = make_tenant(), f"bills-{uuid.uuid4().hex[:12]}"
        store.make_bucket(name)
        bucket = Bucket(tenant, aws, Report(store, name))
        bucket.store_credentials(**wrong)
        return bucket

    return make


def lines(period: date, costs: Sequence[str]) -> list[dict[str, str]]:
    return [line(period, number, cost) for number, cost in enumerate(costs)]


def test_a_run_replaces_a_whole_period_and_no_other(make_bucket: Callable[..., Bucket]) -> None:
    bucket = make_bucket()
    september, october = lines(SEPTEMBER, ["1.5", "2.25"]), lines(OCTOBER, ["4", "0.123456789"])
    # A refund in October for a day of September belongs to October.
    refund = line(SEPTEMBER, 9, "-0.5", lineItem__LineItemType="Refund")
    october.append(refund | {"bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z"})
    bucket.report.deliver(SEPTEMBER, september, files=2)
    bucket.report.deliver(OCTOBER, october)
    bucket.run()
    assert bucket.billed() == {SEPTEMBER: (2, total(september)), OCTOBER: (3, total(october))}

    fewer = lines(SEPTEMBER, ["7"])
    bucket.report.deliver(SEPTEMBER, fewer)
    second = bucket.run()
    assert bucket.billed() == {SEPTEMBER: (1, Decimal(7)), OCTOBER: (3, total(october))}
    assert bucket.executions.run_row(second)["dates"] == [SEPTEMBER]
    assert_reconciled(bucket.tenant, "2026-09-30", "2026-10-01", billed=Decimal(7) + total(october))
    assert_added_up(bucket.executions.client, bucket.tenant.tenant_id)

    third = bucket.run()
    assert bucket.executions.run_row(third)["dates"] == []
    assert bucket.billed() == {SEPTEMBER: (1, Decimal(7)), OCTOBER: (3, total(october))}


@pytest.mark.parametrize("file", ["aws_legacy_cur_anonymised_2023-11.csv", "nise_aws_legacy_cur_2026-09_seed104.csv"])
def test_published_costs_equal_the_report_to_the_last_digit(make_bucket: Callable[..., Bucket], file: str) -> None:
    if not (DATA / file).exists():
        pytest.skip(f"the sample {file} is not on this machine")
    with (DATA / file).open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    period = date.fromisoformat(rows[0]["bill/BillingPeriodStartDate"][:10])
    bucket = make_bucket()
    bucket.report.deliver(period, rows, files=3)
    bucket.run()
    nine = Decimal("1e-9")
    costs = [
        Decimal(0) if row["lineItem/LineItemType"] in COVERED else Decimal(row["lineItem/UnblendedCost"])
        for row in rows
    ]
    billed = sum((cost.quantize(nine, ROUND_HALF_UP) for cost in costs), Decimal(0))
    assert bucket.billed() == {period: (len(rows), billed)}
    assert_reconciled(bucket.tenant, period.isoformat(), period.isoformat(), billed=billed)


def test_cur_2_in_parquet_gives_the_same_rows_as_the_legacy_report(make_bucket: Callable[..., Bucket]) -> None:
    bucket = make_bucket()
    rows = lines(SEPTEMBER, ["1.5", "0.1", "0.000000001"])
    deliver_cur2(bucket.report.store, bucket.report.bucket, SEPTEMBER, rows)
    bucket.run({"start_date": "2026-09-03", "end_date": "2026-09-20"})
    assert bucket.billed() == {SEPTEMBER: (3, total(rows))}
    found = bucket.executions.query(
        f"SELECT DISTINCT RegionId, JSON_VALUE(Tags, '$.user_team') AS team FROM {bucket.tenant.tenant_id}.focus_cost"
        " ORDER BY team"
    )
    assert found == [{"RegionId": "eu-central-1", "team": None}, {"RegionId": "eu-central-1", "team": "blue"}]


def test_a_requested_run_has_the_bucket_as_its_source(make_bucket: Callable[..., Bucket]) -> None:
    bucket = make_bucket()
    api = Api(bucket.executions.cloud.ready["gateway"], bucket.tenant.api_key)
    answer = api.post(f"/api/v1/pipelines/run/{bucket.tenant.tenant_id}/aws/cost/billing", {"date": "2026-09-05"})
    assert answer.status_code == 202, answer.text
    (queued,) = bucket.executions.query(
        "SELECT pipeline_id, source FROM tenants.pipeline_execution_queue WHERE run_id = @run_id",
        run_id=answer.json()["pipeline_logging_id"],
    )
    assert queued == {"pipeline_id": "aws-cost-billing", "source": bucket.source}


def test_a_wrong_key_or_a_truncated_file_fails_the_run_by_name_and_publishes_nothing(
    make_bucket: Callable[..., Bucket],
) -> None:
    refused = make_bucket(secret_access_key="x" * 40)
    assert "CREDENTIALS_REJECTED: AWS refuses the access key (SignatureDoesNotMatch)" in refused.fail()

    bucket = make_bucket()
    rows = lines(SEPTEMBER, ["1"] * 2000)
    bucket.report.deliver(SEPTEMBER, rows)
    key = "exports/cur/20260901-20261001/cur-00001.csv.gz"
    whole = bucket.report.store.client.get_object(Bucket=bucket.report.bucket, Key=key)["Body"].read()
    bucket.report.store.put(bucket.report.bucket, key, whole[:-100])
    bucket.report.deliver_manifest(SEPTEMBER, [key])
    assert f"STEP_FAILED: {key} of s3://{bucket.report.bucket}/exports/ cannot be read to its end" in bucket.fail()
    bucket.report.deliver(SEPTEMBER, rows[:2])
    bucket.run()
    assert bucket.billed() == {SEPTEMBER: (2, Decimal(2))}


def test_a_delivery_that_never_stays_is_read_a_bounded_number_of_times(
    make_bucket: Callable[..., Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, looks = make_bucket(), list[str]()
    rows = lines(SEPTEMBER, ["1", "2"])
    manifest = bucket.report.deliver(SEPTEMBER, rows, files=2)
    keys = [f"exports/cur/20260901-20261001/cur-0000{number}.csv.gz" for number in (1, 2)]
    answered = S3Backend.get_object

    def replaced_meanwhile(backend: Any, name: str, key: str, *rest: Any, **more: Any) -> Any:
        if name == bucket.report.bucket and key == keys[1]:
            looks.append(key)
            bucket.report.deliver_manifest(SEPTEMBER, keys, list(rows[0]), assemblyId=uuid.uuid4().hex)
        return answered(backend, name, key, *rest, **more)

    monkeypatch.setattr(S3Backend, "get_object", replaced_meanwhile)
    error = bucket.fail()
    monkeypatch.undo()
    assert error == f"UNAVAILABLE: {manifest} was delivered anew while it was read"
    assert len(looks) == 2 * TRIES  # for each request moto looks first at the rights, then at the object
    bucket.run()
    assert bucket.billed() == {SEPTEMBER: (2, Decimal(3))}


def test_another_export_of_the_same_account_and_period_is_not_counted_twice(make_bucket: Callable[..., Bucket]) -> None:
    bucket = make_bucket()
    rows = lines(SEPTEMBER, ["1", "2"])
    bucket.report.deliver(SEPTEMBER, rows)
    bucket.run()
    other = replace(bucket, report=replace(bucket.report, prefix="moved"))
    other.report.deliver(SEPTEMBER, rows)
    other.store_credentials()
    assert "CHECK_FAILED: other_exports: 1, expected 0" in other.fail()
    assert bucket.billed() == {SEPTEMBER: (2, Decimal(3))}


def test_a_bucket_is_read_with_a_role_and_without_a_key(make_bucket: Callable[..., Bucket]) -> None:
    bucket = make_bucket()
    store = bucket.report.store
    api = Api(bucket.executions.cloud.ready["gateway"], bucket.tenant.api_key)
    body = store.keyless(bucket.report.bucket, bucket.report.prefix)
    assert api.post(f"/api/v1/tenants/{bucket.tenant.tenant_id}/credentials", body).status_code == 200
    bucket.report.deliver(SEPTEMBER, lines(SEPTEMBER, ["1", "2"]))
    store.let_one_in()
    bucket.run()
    assert bucket.billed() == {SEPTEMBER: (2, Decimal(3))}
