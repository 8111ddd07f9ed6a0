"""Credentials are tried as a run would use them: before they are stored, or later."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest

from devcloud.objects import azure_buckets
from devcloud.seed_billing.deliveries import Delivered, deliver_aws, deliver_azure
from tests.conftest import MakeFrontend
from tests.support.frontend import IMPERSONATED, Frontend

UNTRUSTED = "does not let the platform's worker act as it; grant the worker Service Account Token Creator"


@pytest.fixture(scope="module")
def stored(make_frontend: MakeFrontend) -> Frontend:
    """A tenant with a key that works; tests leave it as it is."""
    frontend = make_frontend()
    assert (
        frontend.api.post(f"{frontend.credentials_path}?verify=true", frontend.tenant.gcp_credentials).status_code
        == 201
    )
    return frontend


def test_a_stored_key_that_works_is_reported_with_the_location_of_its_export(stored: Frontend) -> None:
    answer = stored.api.post(f"{stored.credentials_path}/gcp/verify")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["provider"], body["verified"], body["problems"]) == ("GCP", True, [])
    assert body["source"] == f"gcp:{stored.tenant.export.table}"
    assert body["location"] == stored.tenant.cloud.location
    assert body["last_changed_at"]


def test_a_deleted_export_is_named(make_frontend: MakeFrontend) -> None:
    frontend = make_frontend()
    assert frontend.store(frontend.tenant.gcp_credentials).status_code == 201
    with frontend.tenant.cloud.clients(frontend.tenant.gcp_key) as clients:
        clients.bigquery().delete_table(frontend.tenant.export.table)
    body = frontend.api.post(f"{frontend.credentials_path}/GCP/verify").json()
    assert body["verified"] is False
    assert body["problems"] == [{"field": "credentials.billing_export_table", "message": "does not exist"}]


def test_a_credential_that_fails_does_not_replace_the_stored_one(stored: Frontend) -> None:
    before = stored.api.get(stored.credentials_path).json()
    keyless = {"project_id": stored.tenant.project, "impersonate_service_account": IMPERSONATED}
    body = {"provider": "GCP", "credentials": keyless}
    answer = stored.api.post(f"{stored.credentials_path}?verify=true", body)
    assert answer.status_code == 400
    [problem] = answer.json()["errors"]
    assert problem["field"] == "credentials.impersonate_service_account"
    assert problem["message"].startswith(UNTRUSTED)
    assert stored.api.get(stored.credentials_path).json() == before
    assert stored.api.post(f"{stored.credentials_path}/GCP/verify").json()["verified"] is True


@pytest.mark.parametrize(
    ("deliver", "secret", "found", "refused"),
    [
        (deliver_aws, "secret_access_key", "data export, Parquet", "AWS refuses the access key"),
        (deliver_azure, "client_secret", "cost export, CSV with gzip", "Azure refuses the application"),
    ],
)
def test_a_bucket_is_looked_at_and_one_that_cannot_be_read_replaces_none(
    stored: Frontend, deliver: Callable[..., Delivered], secret: str, found: str, refused: str
) -> None:
    body = deliver(stored.tenant.cloud.state.path, "verified", 1, [date(2025, 11, 1)]).credentials
    assert stored.api.post(f"{stored.credentials_path}?verify=true", body).status_code == 201
    wrong = {**body, "credentials": body["credentials"] | {secret: "another-secret"}}
    answer = stored.api.post(f"{stored.credentials_path}?verify=true", wrong)
    assert (answer.status_code, refused in answer.text) == (400, True), answer.text
    result = stored.api.post(f"{stored.credentials_path}/{body['provider']}/verify").json()
    assert (result["verified"], result["format"], result["newest_period"]) == (True, found, "2025-11")


def test_a_marker_is_looked_for_and_a_missing_one_is_named(make_frontend: MakeFrontend) -> None:
    frontend = make_frontend()
    cloud, path = frontend.tenant.cloud, frontend.credentials_path
    body = deliver_azure(cloud.state.path, "marked", 1, [date(2025, 11, 1)]).credentials
    content = {name: value for name, value in body["credentials"].items() if name != "client_secret"}
    guide = frontend.api.get(f"{path}/setup?provider=AZURE").json()
    buckets, place = azure_buckets(cloud.state.path), f"{content['storage_account']}/{content['container']}"
    buckets.trust(place, {"sub": guide["subject"], "aud": "api://AzureADTokenExchange"})
    marked = body | {"credentials": content | {"federated_credential": {"proof": "marker"}}}

    answer = frontend.api.post(f"{path}?verify=true", marked)
    assert answer.status_code == 400
    (key,) = re.findall(r"upload the blob (\S+), as", answer.json()["errors"][0]["message"])
    assert key.removeprefix(f"{content['prefix']}/") in guide["steps"][2]["paste"]
    buckets.put(place, key, b"")
    assert frontend.api.post(f"{path}?verify=true", marked).status_code == 201


def test_a_credential_that_cannot_be_tried_is_refused(stored: Frontend) -> None:
    path, body = stored.credentials_path, stored.tenant.gcp_credentials
    assert stored.api.post(f"{path}/OCI/verify").status_code == 404
    assert stored.api.post(f"{path}/GCP/verify", body).status_code == 400
    assert stored.api.post(f"{path}?verify=perhaps", body).status_code == 400
