"""An export that does not answer: the run still reacts to a cancel, and the error has Google's reason."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from tests.e2e.execution.conftest import StartInstance
from tests.support.executions import Executions
from tests.support.frontend import IMPERSONATED
from tests.support.tenant import Api, Tenant

DAY = {"date": "2025-11-16"}


def test_a_run_can_be_cancelled_while_the_tenants_service_is_down(
    executions: Executions, reader: Tenant, start_instance: StartInstance
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as service:
        service.settimeout(60)
        address = f"localhost:{service.getsockname()[1]}"
        instance = start_instance(HEARTBEAT_SECONDS="0.2", BIGQUERY_STORAGE_ENDPOINT=address)
        delivery = executions.admit(reader, DAY)
        with ThreadPoolExecutor(1) as threads:
            answer = threads.submit(executions.deliver, delivery, url=instance.url)
            service.accept()[0].close()  # the service gets one request, closes the connection and ends
            service.close()
            executions.request_cancel(delivery)
            assert answer.result(timeout=90) == "CANCELLED"
    assert executions.run_row(delivery)["status"] == "CANCELLED"


def test_a_read_without_a_key_is_refused_as_not_implemented(executions: Executions, reader: Tenant) -> None:
    executions.prepare(reader)
    api = Api(executions.cloud.ready["gateway"], reader.api_key)
    content = {"project_id": reader.project, "impersonate_service_account": IMPERSONATED}
    body = {"provider": "GCP", "credentials": {**content, "billing_export_table": reader.export.table}}
    assert api.post(f"/api/v1/tenants/{reader.tenant_id}/credentials", body).status_code == 200
    delivery = executions.admit(reader, DAY)
    assert executions.deliver(delivery) == "FAILED"
    reason = f"devcloud does not implement POST /v1/projects/-/serviceAccounts/{IMPERSONATED}:generateAccessToken"
    assert executions.error_of(delivery).startswith(
        f"CREDENTIALS_REJECTED: Google refuses the tenant's credentials: {reason}"
    )
