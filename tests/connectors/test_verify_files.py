"""The result of trying a credential of AWS or Azure, against servers that check signatures, policies and tokens."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import pytest

from shared.configuration.settings import Settings
from shared.connectors.focus.columns import REQUIRED
from shared.domain.credentials.credentials import AwsAccessKey, AzureClientSecret, FocusHmacKey
from shared.domain.credentials.verification import Verification
from shared.use_cases.verify_files import look_at_files
from tests.support.aws_exports import Report, line
from tests.support.azure_exports import Export, charge
from tests.support.focus.files import charge as focus_charge
from tests.support.focus.files import csv_of as focus_csv
from tests.support.local_blobs import CLIENT, LocalBlobs, local_blobs
from tests.support.local_s3 import REGION, LocalS3, local_s3

SEPTEMBER = date(2026, 9, 1)


@pytest.fixture(scope="module")
def s3() -> Iterator[LocalS3]:
    with local_s3() as started:
        yield started


@pytest.fixture(scope="module")
def bucket(s3: LocalS3) -> str:
    """A bucket with a delivery of September."""
    name = f"bills-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(name)
    Report(s3, name).deliver(SEPTEMBER, [line(SEPTEMBER, 1, "1")])
    return name


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBlobs]:
    with local_blobs(tmp_path_factory.mktemp("azure")) as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(started.certificate))
        yield started


def of_aws(s3: LocalS3, bucket: str, prefix: str = "exports", **other: Any) -> Verification:
    settings = Settings(project_id="p", bigquery_location="US", s3_endpoint=s3.endpoint)
    credential = AwsAccessKey.model_validate(s3.credentials(bucket, prefix, **other)["credentials"])
    return look_at_files(credential, "acme", settings)


def of_azure(azure: LocalBlobs, container: str, **other: Any) -> Verification:
    at = azure.endpoint
    settings = Settings(project_id="p", bigquery_location="US", blob_endpoint=at, entra_endpoint=at)
    credential = AzureClientSecret.model_validate(azure.credentials(container, "exports", **other)["credentials"])
    return look_at_files(credential, "acme", settings)


def test_a_readable_export_of_aws_is_reported_with_its_last_delivery(s3: LocalS3, bucket: str) -> None:
    found = of_aws(s3, bucket)
    assert (found.problems, found.source, found.location) == ((), f"aws:{bucket}/exports", REGION)
    assert (found.format, found.newest_period) == ("legacy, CSV with gzip", "2026-09")
    assert found.last_changed_at


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"secret_access_key": "not-the-secret-of-the-key"}, "AWS refuses the access key"),
        ({"prefix": "elsewhere"}, "has neither a manifest of a billing export nor files by billing period"),
        ("stranger", "grant s3:ListBucket on the bucket"),
    ],
)
def test_missing_rights_at_aws_are_reported_in_words_for_an_administrator(
    s3: LocalS3, bucket: str, other: Any, text: str
) -> None:
    found = of_aws(s3, bucket, **(s3.stranger if other == "stranger" else other))
    [problem] = found.problems
    assert problem.field == "credentials"
    assert text in problem.message
    assert found.last_changed_at is None


def test_files_of_anybody_are_reported_with_their_newest_month(s3: LocalS3) -> None:
    bucket = f"focus-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(bucket)
    s3.put(bucket, "exports/oracle-2026-09.csv", focus_csv([focus_charge("1", Mood="good")]))
    settings = Settings(project_id="p", bigquery_location="US", gcs_endpoint=s3.endpoint)
    fields = {"hmac_access_id": s3.reader["access_key_id"], "hmac_secret": s3.reader["secret_access_key"]}

    def look(**other: str) -> Verification:
        body = {"bucket": bucket, "prefix": "exports", **fields, **other}
        return look_at_files(FocusHmacKey.model_validate(body), "acme", settings)

    found = look()
    assert (found.problems, found.source) == ((), f"focus:gcp:{bucket}/exports")
    assert (found.format, found.newest_period) == ("FOCUS files, CSV", "2026-09")
    assert "not known here: Mood" in found.warnings[0]
    [problem] = look(prefix="elsewhere").problems
    assert problem.message == f"gs://{bucket}/elsewhere/ has no CSV or Parquet files"


@pytest.mark.parametrize("ending", ["csv", "snappy.parquet"])
def test_a_readable_export_of_azure_is_reported_with_its_unknown_columns(azure: LocalBlobs, ending: str) -> None:
    container = azure.make_container()
    row = charge(SEPTEMBER, 1, "1") | {"anUnknownColumn": "x"}
    Export(partial(azure.put, container)).deliver(SEPTEMBER, [row], ending=ending)
    found = of_azure(azure, container)
    assert (found.problems, found.source, found.location) == ((), f"azure:acmecosts/{container}/exports", None)
    assert found.format == ("cost export, CSV" if ending == "csv" else "cost export, Parquet")
    assert "not known here: anUnknownColumn" in found.warnings[0]
    assert "of azure_cost_billing" in found.warnings[0]


def test_what_an_administrator_of_azure_has_to_change_is_named(azure: LocalBlobs) -> None:
    container = azure.make_container()
    Export(partial(azure.put, container)).deliver_file(SEPTEMBER, [{"Date": "09/01/2026", "Cost": "1"}])

    def problem(place: str = container, **other: Any) -> str:
        [found] = of_azure(azure, place, **other).problems
        return found.message

    assert "lacks columns that a cost needs: BillingAccountId, BillingCurrency, ChargeType" in problem()
    assert "Azure refuses the application: AADSTS7000215" in problem(client_secret="another-secret")
    assert "Azure refuses the application: AADSTS90002: Tenant" in problem(tenant_id=CLIENT)
    assert "there is no such container" in problem("elsewhere")
    azure.failures.append((403, "AuthorizationPermissionMismatch"))
    assert "grant Storage Blob Data Reader on the container" in problem()


def test_a_focus_export_is_reported_as_one(azure: LocalBlobs) -> None:
    container = azure.make_container()
    row = dict.fromkeys(REQUIRED, "1") | {"BillingPeriodStart": "2026-09-01T00:00:00Z"}
    text = {"exportConfig": {"type": "FocusCost"}}
    Export(partial(azure.put, container)).deliver(SEPTEMBER, [row], manifest=text)
    found = of_azure(azure, container)
    assert (found.problems, found.format) == ((), "FOCUS, cost export, CSV")
