"""No tenant reaches another tenant's data: not by URL, not by id, not by moving a ciphertext."""

from __future__ import annotations

import json

import pytest
from google.api_core import exceptions as google

from devcloud.server import Devcloud
from shared.domain.credentials.sealed import credential_aad
from tests.conftest import MakeFrontend
from tests.support.frontend import Frontend
from tests.support.routes import ROUTES, call

pytestmark = pytest.mark.phase3


@pytest.fixture(scope="module")
def other_tenant_id(make_frontend: MakeFrontend) -> str:
    return make_frontend().tenant_id


@pytest.mark.parametrize("route", ROUTES)
def test_key_opens_no_other_tenants_url(shared_frontend: Frontend, other_tenant_id: str, route: str) -> None:
    answer = call(shared_frontend.api, route, other_tenant_id)
    assert answer.status_code == 403
    assert answer.json()["detail"] == "The API key belongs to another tenant."


@pytest.mark.parametrize("route", ROUTES)
def test_reserved_datasets_are_not_accepted_as_tenants(shared_frontend: Frontend, route: str) -> None:
    for reserved in ("tenants", "x_staging"):
        assert call(shared_frontend.api, route, reserved).status_code == 400


def test_run_of_another_tenant_is_404_like_an_unknown_one(connected: Frontend, make_connected: MakeFrontend) -> None:
    run_id, other = connected.start(), make_connected()
    statuses = [
        other.api.get(f"{other.runs_path}/{run_id}").status_code,
        other.api.post(f"{other.runs_path}/{run_id}/cancel").status_code,
        other.api.post(f"{other.runs_path}/{run_id}/retry").status_code,
    ]
    assert statuses == [404] * 3
    assert other.api.get(other.runs_path).json()["runs"] == []
    assert connected.central("pipeline_run_events") == []


def test_credentials_of_another_tenant_are_not_used(
    connected: Frontend, frontend: Frontend, make_frontend: MakeFrontend
) -> None:
    other = make_frontend()
    assert other.run().status_code == 409
    assert other.api.get(other.credentials_path).json() == {"credentials": []}
    assert other.api.delete(f"{other.credentials_path}/GCP").status_code == 404
    assert len(connected.central("tenant_cloud_credentials")) == 1


def test_ciphertext_moved_to_another_tenant_is_refused(
    connected: Frontend, make_connected: MakeFrontend, cloud: Devcloud
) -> None:
    other = make_connected()
    (mine,), (theirs,) = connected.central("tenant_cloud_credentials"), other.central("tenant_cloud_credentials")
    key = mine["kms_key_version"].rpartition("/cryptoKeyVersions/")[0]

    def decrypted(ciphertext: bytes, owner: dict[str, str]) -> dict[str, str]:
        binding = {name: owner[name] for name in ("tenant_id", "provider", "credential_id")}
        request = {"name": key, "ciphertext": ciphertext, "additional_authenticated_data": credential_aad(**binding)}
        return dict(json.loads(clients.kms().decrypt(request=request).plaintext))

    with cloud.clients() as clients:
        assert decrypted(mine["encrypted_credentials"], mine)["project_id"] == connected.tenant.project
        with pytest.raises(google.InvalidArgument):
            decrypted(mine["encrypted_credentials"], theirs)
        with pytest.raises(google.InvalidArgument):
            decrypted(mine["encrypted_credentials"], mine | {"provider": "AWS"})


@pytest.mark.parametrize("account", ["alerts", "credentials", "api", "scheduler", "reset"])
def test_only_the_worker_and_the_notifier_may_decrypt(shared_frontend: Frontend, cloud: Devcloud, account: str) -> None:
    (row,) = shared_frontend.central("tenant_cloud_credentials")
    key = cloud.identity.mint_key(cloud.project, cloud.platform.service_accounts[account].id)
    request = {
        "name": row["kms_key_version"].rpartition("/cryptoKeyVersions/")[0],
        "ciphertext": row["encrypted_credentials"],
    }
    with cloud.clients(key) as clients, pytest.raises(google.PermissionDenied):
        clients.kms().decrypt(request=request)


def test_tenants_own_key_reads_nothing_of_the_platform(shared_frontend: Frontend, cloud: Devcloud) -> None:
    with cloud.clients(shared_frontend.tenant.gcp_key) as clients:
        for dataset in ("tenants", shared_frontend.tenant_id):
            with pytest.raises(google.Forbidden):
                clients.bigquery().get_dataset(f"{cloud.project}.{dataset}")
