"""POST, GET and DELETE of credentials, called by a frontend and checked in the tables."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud
from shared.domain.credentials.notices import not_set_up, removal_warning
from tests.conftest import JobsOf, MakeFrontend
from tests.support.answers import refused_fields
from tests.support.frontend import Frontend
from tests.support.schedules import Schedules
from tests.support.tenant import Api

Json = dict[str, Any]
METADATA_TABLES = {
    "x_meta_pipeline_runs", "x_meta_step_logs", "x_meta_dq_results", "x_meta_publish_fence", "x_meta_restatements",
    "x_meta_exchange_rates", "x_meta_virtual_tags",
}  # fmt: skip
AWS_ROLE = {
    "role_arn": "arn:aws:iam::123456789012:role/convergence", "region": "us-east-1",
    "bucket": "acme-cur", "prefix": "cur",
}  # fmt: skip
AWS = {"provider": "AWS", "credentials": AWS_ROLE}
USED = {"pipelines": ["gcp-cost-billing", "gcp-cost-daily_by_service", "gcp-cost-monthly_by_service"], "warnings": []}


def test_first_credentials_are_created_with_dataset_and_tables(frontend: Frontend) -> None:
    answer = frontend.store(frontend.tenant.gcp_credentials, user_id="alice")
    assert answer.status_code == 201
    body = answer.json()
    assert set(body.pop("tables_created")) == METADATA_TABLES
    assert body == {
        "tenant_id": frontend.tenant_id,
        "provider": "GCP",
        "action": "CREATED",
        "dataset_status": "CREATED",
        "message": "GCP credentials added successfully",
        **USED,
    }
    (row,) = frontend.central("tenant_cloud_credentials")
    assert (row["credential_kind"], row["created_by_user_id"]) == ("service_account_key", "alice")
    assert row["source"] == f"gcp:{frontend.tenant.export.table}"
    assert "/cryptoKeyVersions/" in row["kms_key_version"]
    (logged,) = frontend.own("x_meta_step_logs")
    assert (logged["action"], logged["user_id"], logged["provider"]) == ("CREDENTIAL_ADDED", "alice", "GCP")


def test_dataset_has_its_label_location_and_grants(connected: Frontend, cloud: Devcloud) -> None:
    dataset = connected.client.get_dataset(connected.tenant_id)
    assert dataset.labels == {"convergence": "tenant"}
    assert dataset.location == cloud.location
    writers = {entry.entity_id for entry in dataset.access_entries if entry.role == "WRITER"}
    suffix = f"@{cloud.project}.iam.gserviceaccount.com"
    assert {f"cvg-worker{suffix}", f"cvg-api{suffix}"} <= writers


def test_same_credentials_again_are_an_update(frontend: Frontend) -> None:
    assert frontend.store(user_id="alice").status_code == 201
    (before,) = frontend.central("tenant_cloud_credentials")
    answer = frontend.store(user_id="bob")
    assert answer.status_code == 200
    assert answer.json() == {
        "tenant_id": frontend.tenant_id,
        "provider": "GCP",
        "action": "UPDATED",
        "dataset_status": "ALREADY_EXISTS",
        "tables_created": [],
        "message": "GCP credentials updated successfully",
        **USED,
    }
    (after,) = frontend.central("tenant_cloud_credentials")
    assert after["encrypted_credentials"] != before["encrypted_credentials"]
    assert (after["created_at"], after["updated_by_user_id"]) == (before["created_at"], "bob")
    assert frontend.logged_actions() == ["CREDENTIAL_ADDED", "CREDENTIAL_UPDATED"]


def test_concurrent_first_calls_make_one_credential(frontend: Frontend) -> None:
    def post(_: int) -> int:
        api = Api(frontend.api.url, frontend.tenant.api_key)
        return api.post(frontend.credentials_path, frontend.gcp_body()).status_code

    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(post, range(4)))
    assert statuses == [200, 200, 200, 201]
    assert len(frontend.central("tenant_cloud_credentials")) == 1
    assert frontend.logged_actions() == ["CREDENTIAL_ADDED"] + ["CREDENTIAL_UPDATED"] * 3


def test_deleted_credentials_can_be_stored_again(connected: Frontend) -> None:
    path = connected.credentials_path
    for _ in range(2):
        assert connected.api.delete(f"{path}/GCP", headers={"X-User-ID": "carol"}).status_code == 200
        assert connected.api.get(path).json() == {"credentials": []}
        connected.store_keyless()
    assert len(connected.central("tenant_cloud_credentials")) == 1
    deleted = [row for row in connected.own("x_meta_step_logs") if row["action"] == "CREDENTIAL_DELETED"]
    assert [row["user_id"] for row in deleted] == ["carol", "carol"]


def test_removing_a_credential_names_the_schedules_that_need_it(frontend: Frontend) -> None:
    frontend.store_keyless()
    stored = frontend.api.post(frontend.credentials_path, AWS).json()
    assert (stored["pipelines"], stored["warnings"]) == (["aws-cost-billing", "aws-cost-focus"], [])
    schedules = Schedules(frontend)
    active, _ = schedules.start(), schedules.start(is_active=False)
    unused = frontend.api.delete(f"{frontend.credentials_path}/AWS").json()
    assert (unused["schedules"], unused["warnings"]) == ([], [])
    removed = frontend.api.delete(f"{frontend.credentials_path}/GCP").json()
    assert removed["schedules"] == [{"config_id": active, "pipeline_id": "gcp-cost-billing"}]
    assert removed["warnings"] == [removal_warning("GCP", 1)]
    again = frontend.api.delete(f"{frontend.credentials_path}/GCP")
    assert (again.status_code, again.json()["detail"]) == (404, not_set_up("GCP"))


def test_a_credential_without_an_export_names_the_schedules_that_need_one(frontend: Frontend) -> None:
    project = frontend.tenant.project
    keyless = {"project_id": project, "impersonate_service_account": f"reader@{project}.iam.gserviceaccount.com"}
    named = keyless | {"billing_export_table": f"{project}.billing.export"}
    assert frontend.store({"provider": "GCP", "credentials": named}).status_code == 201
    schedules = Schedules(frontend)
    needs, _ = schedules.start(parameters={"date": "{date}"}), schedules.start()
    stored = frontend.store({"provider": "GCP", "credentials": keyless})
    (warning,) = stored.json()["warnings"]
    assert f"Neither the credential nor gcp-cost-billing ({needs}) names a billing_export_table: " in warning


def test_deleting_a_missing_credential_is_404(connected: Frontend) -> None:
    statuses = [
        connected.api.delete(f"{connected.credentials_path}/{provider}").status_code
        for provider in ("gcp", "GCP", "AWS", "nonsense")
    ]
    assert statuses == [200, 404, 404, 404]


def test_list_shows_every_provider_and_no_secret(connected: Frontend) -> None:
    assert connected.store(AWS).status_code == 201
    answer = connected.api.get(connected.credentials_path)
    assert answer.status_code == 200
    listed = answer.json()["credentials"]
    kinds = [(item["provider"], item["credential_kind"]) for item in listed]
    assert kinds == [("AWS", "assume_role"), ("GCP", "impersonation")]
    assert set(listed[0]) == {
        "provider", "credential_kind", "created_by_user_id", "updated_by_user_id", "created_at", "updated_at",
        "source",
    }  # fmt: skip


def test_list_before_any_credentials_is_empty(frontend: Frontend) -> None:
    answer = frontend.api.get(frontend.credentials_path)
    assert (answer.status_code, answer.json()) == (200, {"credentials": []})


def test_export_in_another_location_is_refused_and_nothing_stored(frontend: Frontend) -> None:
    plan = Plan(seed=1, start=date(2025, 11, 15), days=1, rows_per_day=2)
    export = frontend.tenant.seed(plan, location="EU")
    answer = frontend.store(frontend.gcp_body(billing_export_table=export.table))
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["type"] == "urn:convergence:error:location-mismatch"
    assert problem["detail"].startswith("LOCATION_MISMATCH")
    assert (problem["export_location"], problem["platform_location"]) == ("EU", "US")
    assert frontend.central("tenant_cloud_credentials") == []


def test_export_that_does_not_exist_is_named(shared_frontend: Frontend) -> None:
    answer = shared_frontend.store(
        shared_frontend.gcp_body(billing_export_table=f"{shared_frontend.tenant.project}.billing.missing")
    )
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "credentials.billing_export_table", "message": "does not exist"}]


def test_export_of_another_project_may_not_be_read(shared_frontend: Frontend, make_frontend: MakeFrontend) -> None:
    other = make_frontend().tenant.export.table
    answer = shared_frontend.store(shared_frontend.gcp_body(billing_export_table=other))
    assert refused_fields(answer) == ["credentials.billing_export_table"]


def test_key_that_google_refuses_is_400_and_nothing_is_stored(frontend: Frontend, cloud: Devcloud) -> None:
    other = cloud.identity.mint_key(frontend.tenant.project, "somebody-else")
    key = frontend.tenant.gcp_key | {"private_key": other["private_key"]}  # does not belong to the key's id
    answer = frontend.store(frontend.gcp_body(key=key))
    assert refused_fields(answer) == ["credentials.service_account_json"]
    assert frontend.central("tenant_cloud_credentials") == []


def test_key_that_cannot_be_read_is_400_naming_the_field(shared_frontend: Frontend) -> None:
    text = "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n"
    answer = shared_frontend.store(shared_frontend.gcp_body(key=shared_frontend.tenant.gcp_key | {"private_key": text}))
    assert refused_fields(answer) == ["credentials.service_account_json.private_key"]


def test_dataset_that_is_not_ours_is_409_and_nothing_stored(frontend: Frontend) -> None:
    frontend.client.create_dataset(frontend.tenant_id)
    assert frontend.store().status_code == 409
    assert frontend.central("tenant_cloud_credentials") == []
    assert frontend.own_tables() == set()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"provider": "IBM", "credentials": {"a": 1}}, "provider"),
        ({"provider": "GCP"}, "credentials"),
        (AWS | {"extra": 1}, "extra"),
        ({"provider": "AWS", "credentials": AWS_ROLE | {"extra": 1}}, "credentials.extra"),
        ({"provider": "AWS", "credentials": AWS_ROLE | {"bucket": "../x"}}, "credentials.bucket"),
    ],
)
def test_bad_body_is_refused_by_field(shared_frontend: Frontend, body: Json, field: str) -> None:
    answer = shared_frontend.store(body)
    assert field in refused_fields(answer)


def test_storing_takes_three_jobs_one_of_which_looks_for_other_published_exports(
    connected: Frontend, jobs_of: JobsOf
) -> None:
    answer = connected.store(AWS)
    assert answer.status_code == 201
    statements = [job["labels"]["statement"] for job in jobs_of(answer.headers["X-Request-ID"])]
    assert sorted(statements) == ["find_credential", "insert_credential", "list_other_sources"]


@pytest.mark.parametrize("dies_at", ["x_meta_dq_results", "x_meta_restatements", "x_meta_step_logs"])
def test_interrupted_call_is_completed_by_repeating_it(frontend: Frontend, cloud: Devcloud, dies_at: str) -> None:
    frontend.api.get(frontend.credentials_path)  # so the function is started
    answered = threading.Event()

    def kill_when_table_exists() -> None:
        while not answered.is_set():
            if frontend.has_table(dies_at):
                cloud.kill_function("setup_credentials")
                return

    with ThreadPoolExecutor(1) as threads:
        killer = threads.submit(kill_when_table_exists)
        first = frontend.store()
        answered.set()
        killer.result()
    assert first.status_code in {201, 503}
    second = frontend.store()
    assert second.status_code in {200, 201}
    assert frontend.own_tables() == METADATA_TABLES
    assert len(frontend.central("tenant_cloud_credentials")) == 1
    updates = ["CREDENTIAL_UPDATED"] * (second.status_code == 200)
    assert frontend.logged_actions() == ["CREDENTIAL_ADDED", *updates]
