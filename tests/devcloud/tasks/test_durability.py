"""An acknowledged task survives the process that acknowledged it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import tasks_v2

from devcloud.tasks import Tasks
from devcloud.tls import Tls
from tests.devcloud.conftest import PROJECT
from tests.devcloud.tasks.conftest import LOCATION, QUEUE
from tests.support.devcloud.clock import Clock
from tests.support.devcloud.handler import PATIENCE_SECONDS, Handler

ROOT = Path(__file__).parents[3]
SERVER = """
import sys, threading
from pathlib import Path
from devcloud.grants import Grants
from devcloud.identity import Identity
from devcloud.tasks import Tasks
from devcloud.tls import Tls

state_dir, identity_dir, tls_dir, project = sys.argv[1:]
service = Tasks(Path(state_dir), Identity(Path(identity_dir), project), Tls(Path(tls_dir)), Grants(project, []))
service.start()
print(service.address, flush=True)
threading.Event().wait()
"""


@pytest.fixture
def process(state_dir: Path, cloud_identity_dir: Path, cloud_tls: Tls) -> Iterator[subprocess.Popen[str]]:
    arguments = [str(state_dir), str(cloud_identity_dir), str(cloud_tls.ca_path.parent.parent), PROJECT]
    command = [sys.executable, "-c", SERVER, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_tasks_acknowledged_before_a_kill_are_delivered_after_it(
    process: subprocess.Popen[str],
    handler: Handler,
    credentials_of: Callable[..., Any],
    make_service: Callable[[], Tasks],
    clock: Clock,
) -> None:
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    client = tasks_v2.CloudTasksClient(
        credentials=credentials_of("devcloud-admin"), client_options={"api_endpoint": address}
    )
    client.create_queue(request={"parent": LOCATION, "queue": {"name": QUEUE}})
    handler.gate.clear()
    names = {f"{QUEUE}/tasks/t-{number}" for number in range(5)}
    for name in names:
        client.create_task(request={"parent": QUEUE, "task": {"name": name, "http_request": {"url": handler.url}}})
    handler.next_request()

    process.kill()
    process.wait()
    handler.gate.set()
    clock.now = time.time()  # the same clock as in the killed process
    service = make_service()

    assert service.wait_idle(PATIENCE_SECONDS)
    delivered = set()
    while not handler.is_quiet:
        delivered.add(f"{QUEUE}/tasks/{handler.next_request().headers['x-cloudtasks-taskname']}")
    assert delivered == names
