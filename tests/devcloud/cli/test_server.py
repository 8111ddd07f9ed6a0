from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import requests
from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from devcloud.gateway.instances import PROJECT_ROOT
from devcloud.identity.identity import ADMIN_ACCOUNT, account_email
from devcloud.server import Devcloud
from devcloud.state import StateError
from shared.configuration.tables import get_tables


def real_threads() -> set[threading.Thread]:
    """Threads that Python started. gRPC's threads appear as dummy threads after their first callback."""
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}


def test_starting_takes_one_bigquery_job_and_stopping_leaves_no_thread(tmp_path: Path, cloud: Devcloud) -> None:
    before = real_threads()
    with Devcloud(tmp_path, schedules=False) as started:
        assert len(started.bigquery.jobs()) == 1
    assert real_threads() <= before


def test_the_platform_is_provisioned_from_its_configuration(cloud: Devcloud, bigquery_client: bigquery.Client) -> None:
    listed = {table.table_id for table in bigquery_client.list_tables("tenants")}
    assert listed == set(get_tables("tenants"))
    queues = bigquery_client.get_table("tenants.pipeline_execution_queue")
    assert queues.clustering_fields == get_tables("tenants")["pipeline_execution_queue"].clustering
    assert bigquery_client.get_dataset("x_staging").default_table_expiration_ms == 7 * 86_400_000
    with cloud.clients() as clients:
        assert clients.kms().get_crypto_key(name=cloud.cloud.key).primary.name.endswith("/cryptoKeyVersions/1")
        assert {queue.name for queue in clients.tasks().list_queues(parent=cloud.cloud.parent)} == {
            cloud.cloud.queue(name) for name in cloud.platform.queues
        }
        jobs = list(clients.scheduler().list_jobs(parent=cloud.cloud.parent))
    scheduled = {function.schedule.job for function in cloud.platform.functions.values() if function.schedule}
    assert {job.name.rpartition("/")[2] for job in jobs} == scheduled
    assert {job.state.name for job in jobs} == {"PAUSED"}


def test_provisioning_again_changes_nothing(tmp_path: Path) -> None:
    with Devcloud(tmp_path, schedules=False) as first, first.clients() as clients:
        rows = clients.bigquery().query_and_wait("SELECT epoch FROM tenants.dispatcher_state")
        assert [row["epoch"] for row in rows] == [0]
        clients.bigquery().query_and_wait("UPDATE tenants.dispatcher_state SET epoch = 41 WHERE TRUE")
    with Devcloud(tmp_path, schedules=False) as second, second.clients() as clients:
        rows = clients.bigquery().query_and_wait("SELECT epoch FROM tenants.dispatcher_state")
        assert [row["epoch"] for row in rows] == [41]
        assert second.ready["admin_key"] == first.ready["admin_key"]
        assert second.ready["gateway"] == first.ready["gateway"]


def test_two_clouds_cannot_share_a_state_directory(cloud: Devcloud) -> None:
    with pytest.raises(StateError, match=rf"running on .* already \(pid {os.getpid()}\)"):
        Devcloud(cloud.state.path).start()


def test_a_port_that_is_in_use_gives_a_clear_error(cloud: Devcloud, tmp_path: Path) -> None:
    port = int(cloud.ready["gateway"].rpartition(":")[2])
    with pytest.raises(StateError, match=f"port {port} cannot be bound"):
        Devcloud(tmp_path, port=port).start()


def test_after_a_kill_the_next_request_starts_another_process(cloud: Devcloud) -> None:
    url = f"{cloud.ready['gateway']}/api/v1/pipelines/runs/nobody"
    assert requests.get(url, timeout=60).status_code == 401
    pid = cloud.kill_function("pipeline_runs")
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert requests.get(url, timeout=60).status_code == 401
    assert cloud.kill_function("pipeline_runs") not in {None, pid}
    assert cloud.kill_function("pipeline_runs") is None


def test_only_the_operator_may_call_a_private_function(cloud: Devcloud) -> None:
    gateway = cloud.ready["gateway"]
    url = f"{gateway}/api/v1/internal/execute"
    operator = cloud.identity.id_token(account_email(ADMIN_ACCOUNT, cloud.project), f"{gateway}/execute_run")
    stranger = cloud.identity.id_token(account_email("reader", "acme-gcp"), f"{gateway}/execute_run")
    answers = [
        requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code
        for token in (stranger, operator)
    ]
    assert answers == [403, 405]  # the function itself refuses the method, so the request reached it


def test_functions_get_their_settings_and_nothing_of_the_developers_environment(
    cloud: Devcloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the developer's own")
    environment = cloud._process("run_pipeline")._environment()
    assert environment["K_SERVICE"] == "run-pipeline"
    assert environment["KICK_QUEUE"] == cloud.cloud.queue("kick")
    assert "cvg-api" in Path(environment["GOOGLE_APPLICATION_CREDENTIALS"]).read_text()
    assert "KMS_KEY" not in environment
    assert "AWS_SECRET_ACCESS_KEY" not in environment


def test_a_tenants_key_reads_its_own_project_only(cloud: Devcloud, bigquery_client: bigquery.Client) -> None:
    with cloud.clients(cloud.identity.mint_key("reads-its-own-gcp", "reader")) as clients:
        client = clients.bigquery()
        assert list(client.list_datasets()) == []
        with pytest.raises(Exception, match="Access Denied"):
            client.get_table(f"{cloud.project}.tenants.tenant_profiles")
        with pytest.raises(NotFound):
            client.get_table("reads-its-own-gcp.billing.nothing")


def test_the_project_root_contains_the_configuration() -> None:
    assert (PROJECT_ROOT / "configs" / "platform.yml").exists()
