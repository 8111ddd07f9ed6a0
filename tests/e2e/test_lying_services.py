"""Cloud KMS, Secret Manager and Cloud Tasks lie to the running functions: nothing is lost, doubled or mixed up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

import grpc
import pytest
import requests
from google.cloud.kms_v1.types import service as kms
from google.cloud.secretmanager_v1.types import service as secrets
from google.cloud.tasks_v2.types import CreateTaskRequest

from devcloud.clients import Clients
from devcloud.seed_billing.deliveries import deliver_aws
from devcloud.server import Devcloud
from tests.support.frontend import Frontend, new_frontend
from tests.support.lying_grpc import Answer, Lie, LyingService, Refused, lying_service

CHECKSUM = "The checksum in field ciphertext_crc32c did not match the data in field ciphertext."
MONTH = date(2025, 11, 1)


@dataclass
class Platform:
    """A cloud whose functions use a lying KMS, Secret Manager and Cloud Tasks."""

    cloud: Devcloud
    clients: Clients
    kms: LyingService
    secrets: LyingService
    tasks: LyingService

    def tenant(self, bucket: str) -> Frontend:
        """A tenant whose bills are in this bucket."""
        frontend = new_frontend(self.cloud, self.clients.bigquery())
        body = deliver_aws(self.cloud.state.path, bucket, len(bucket), [MONTH]).credentials
        assert frontend.store(body).status_code == 201
        return frontend

    def status(self, admin_key: str) -> int:
        """The answer of GET status with this admin key."""
        url = f"{self.cloud.ready['gateway']}/api/v1/scheduler/status"
        account = f"cvg-operator@{self.cloud.project}.iam.gserviceaccount.com"
        token = self.cloud.identity.id_token(account, f"{self.cloud.ready['gateway']}/scheduler_status")
        headers = {"Authorization": f"Bearer {token}", "X-Admin-Key": admin_key}
        return requests.get(url, headers=headers, timeout=90).status_code

    def run(self, frontend: Frontend) -> str:
        """Start a run of the bucket's bills, and wait until no task is left but the later looks at its lease."""
        answer = frontend.api.post(f"/api/v1/pipelines/run/{frontend.tenant_id}/aws/cost/billing")
        assert answer.status_code == 202, answer.text
        assert self.cloud.tasks.wait_idle(90, due_within_seconds=10)
        return str(answer.json()["pipeline_logging_id"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    environment: dict[str, dict[str, str]] = {"pipeline_runs": {"LOOK_SECONDS": "0"}}
    with ExitStack() as opened:
        folder = tmp_path_factory.mktemp("lying")
        cloud = opened.enter_context(Devcloud(folder, schedules=False, function_env=environment))
        kms_, secrets_, tasks_ = (
            opened.enter_context(lying_service(cloud, service.address))
            for service in (cloud.kms, cloud.secret_manager, cloud.tasks)
        )
        own = {"KMS_ENDPOINT": kms_.address, "SECRET_MANAGER_ENDPOINT": secrets_.address}
        own |= {"CLOUD_TASKS_ENDPOINT": tasks_.address, "RETRY_BASE_SECONDS": "0.2"}
        for function in cloud.platform.functions:
            environment[function] = environment.get(function, {}) | own
        yield Platform(cloud, opened.enter_context(cloud.clients()), kms_, secrets_, tasks_)


def encrypted(**changes: object) -> Lie:
    def lie(_: bytes, answer: Answer) -> bytes:
        true = kms.EncryptResponse.deserialize(answer())
        for name, value in changes.items():
            setattr(true, name, value)
        return bytes(kms.EncryptResponse.serialize(true))

    return lie


def test_an_encryption_by_another_key_does_not_replace_the_stored_credential(platform: Platform) -> None:
    frontend = platform.tenant("acme-bills")
    before = frontend.central("tenant_cloud_credentials")
    for lie in (encrypted(name="projects/p/cryptoKeyVersions/1"), encrypted(ciphertext=b"", ciphertext_crc32c=0)):
        with platform.kms.telling("Encrypt", lie):
            answer = frontend.store()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert frontend.central("tenant_cloud_credentials") == before


def test_a_run_waits_for_its_own_credential_and_never_reads_with_another_tenants(platform: Platform) -> None:
    acme, beta = platform.tenant("acme-own"), platform.tenant("beta-own")
    path, seen = f"{acme.credentials_path}/aws/verify", list[bytes]()

    def remember(_: bytes, answer: Answer) -> bytes:
        seen.append(answer())
        return seen[-1]

    with platform.kms.telling("Decrypt", remember):
        assert beta.api.post(f"{beta.credentials_path}/aws/verify").json()["verified"] is True

    def mix_up(_: bytes, answer: Answer) -> bytes:
        calls = platform.kms.calls.count("Decrypt")
        if calls == 3:  # the run's second try: data damaged on their way are no fault of the credential either
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, CHECKSUM)
        return seen[0] if calls < 3 else answer()

    with platform.kms.telling("Decrypt", mix_up):
        verified = acme.api.post(path)
        assert (verified.status_code, "beta" in verified.text) == (503, False)
        run = acme.get_run(platform.run(acme))
    assert (run["status"], run["attempt"]) == ("COMPLETED", 1)
    assert platform.kms.calls.count("Decrypt") == 4
    assert {row["x_source"] for row in acme.own("aws_cost_billing")} == {acme.api.post(path).json()["source"]}


def test_a_part_of_the_admin_key_opens_nothing(platform: Platform) -> None:
    key = platform.cloud.ready["admin_key"]

    def shortened(_: bytes, answer: Answer) -> bytes:
        true = secrets.AccessSecretVersionResponse.deserialize(answer())
        true.payload.data = true.payload.data[:1]
        return bytes(secrets.AccessSecretVersionResponse.serialize(true))

    with platform.secrets.telling("AccessSecretVersion", shortened):
        assert [platform.status(key[:1]), platform.status(key)] == [503, 503]
    platform.cloud.kill_function("scheduler_status")  # the failure is the answer of the next seconds
    assert [platform.status(key), platform.status(key[:1])] == [200, 401]


def test_tasks_that_are_delivered_early_and_three_times_make_one_run(platform: Platform) -> None:
    acme, store = platform.tenant("acme-thrice"), platform.clients.tasks()

    def thrice(request: bytes, answer: Answer) -> bytes:
        true, wanted = answer(), CreateTaskRequest.deserialize(request)
        for number in range(2):
            again = CreateTaskRequest(wanted)
            again.task.name = f"{wanted.task.name}-{number}"
            del again.task.schedule_time  # so it is delivered at once
            store.create_task(request=again)
        return true

    with platform.tasks.telling("CreateTask", thrice):
        run = acme.get_run(platform.run(acme))
    assert (run["status"], run["attempt"]) == ("COMPLETED", 1)
    events = [row["kind"] for row in acme.central("pipeline_run_events") if row["kind"] in {"CLAIMED", "SUCCEEDED"}]
    assert sorted(events) == ["CLAIMED", "SUCCEEDED"]
