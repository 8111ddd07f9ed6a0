"""Settings of a platform: another location, the owner's encryption key, a missing kick queue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from devcloud.onboarding import onboard
from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud
from tests.support.frontend import Frontend
from tests.support.tenant import Tenant

DATASET_KEY = "projects/keys/locations/us/keyRings/ours/cryptoKeys/datasets"


@pytest.fixture(scope="module")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontend]:
    environment = {
        "setup_credentials": {"ALLOW_OTHER_LOCATION": "true", "DATASET_KMS_KEY": DATASET_KEY},
        "run_pipeline": {"KICK_QUEUE": "projects/convergence-local/locations/us-central1/queues/missing"},
    }
    with (
        Devcloud(tmp_path_factory.mktemp("other"), schedules=False, function_env=environment) as cloud,
        cloud.clients() as clients,
    ):
        onboarded = onboard(clients.bigquery(), "acme_corp")
        yield Frontend(Tenant(cloud, onboarded.tenant_id, onboarded.api_key, project="acme-gcp"), clients.bigquery())


def test_export_in_another_location_is_allowed_where_the_settings_say_so(frontend: Frontend) -> None:
    export = frontend.tenant.seed(Plan(seed=1, start=date(2025, 11, 15), days=1, rows_per_day=2), location="EU")
    assert frontend.store(frontend.gcp_body(billing_export_table=export.table)).status_code in {200, 201}


def test_a_tenants_dataset_is_encrypted_with_the_platform_owners_key(frontend: Frontend) -> None:
    frontend.store()
    encryption = frontend.client.get_dataset(frontend.tenant_id).default_encryption_configuration
    assert encryption is not None
    assert encryption.kms_key_name == DATASET_KEY


def test_run_is_accepted_when_the_kick_fails(frontend: Frontend) -> None:
    frontend.store()
    run_id = frontend.start()
    assert run_id in [item["run_id"] for item in frontend.central("pipeline_execution_queue")]
