from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcloud.gateway.instances import PROJECT_ROOT, ForkServer, Instance
from tests.support.devcloud.handler import PATIENCE_SECONDS

SOURCE = Path(__file__).parent / "functions" / "echo.py"
START = """
import sys, threading
from pathlib import Path
from devcloud.gateway.instances import ForkServer
server = ForkServer()
with open(sys.argv[1], "ab") as log:
    instance = server.fork("echo", Path(sys.argv[2]), {}, log)
instance.await_announcement(60)
print(server._process.pid, instance.pid, flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def shared_server() -> Iterator[ForkServer]:
    """A fork server that is shared by tests that do not end it, because its imports take longer than a test."""
    server = ForkServer()
    yield server
    server.stop()


@pytest.fixture
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.stop()


def fork(server: ForkServer, tmp_path: Path, source: Path = SOURCE) -> Instance:
    with (tmp_path / "log").open("ab") as log:
        return server.fork("echo", source, {"COLOUR": "green"}, log)


def end(instance: Instance) -> None:
    instance.send_signal(signal.SIGKILL)
    assert instance.await_end(PATIENCE_SECONDS)
    instance.close()


def pid_of(server: ForkServer) -> int:
    assert server._process is not None
    return server._process.pid


def test_the_fork_server_has_one_thread_and_nothing_of_the_product(shared_server: ForkServer, tmp_path: Path) -> None:
    source = tmp_path / "main.py"
    source.write_text(
        "import os, sys\n"
        "found = [name for name in sys.modules if name.partition('.')[0] in {'shared', 'functions'}]\n"
        "print(found, os.environ.get('COLOUR'), 'PATH' in os.environ)\n"
        "print(os.getsid(0) == os.getpid(), 'pyarrow' in sys.modules)\n"
        "def echo(request): return ''\n"
    )
    instance = fork(shared_server, tmp_path, source)
    assert instance.await_announcement(60)
    assert len(os.listdir(f"/proc/{pid_of(shared_server)}/task")) == 1  # noqa: PTH208 - only names are needed
    end(instance)
    assert (tmp_path / "log").read_text().splitlines()[:2] == ["[] green False", "True True"]


def test_instances_end_one_by_one_and_are_reaped(shared_server: ForkServer, tmp_path: Path) -> None:
    first, second = fork(shared_server, tmp_path), fork(shared_server, tmp_path)
    first.send_signal(signal.SIGKILL)
    assert first.await_end(PATIENCE_SECONDS)
    with pytest.raises(ProcessLookupError):
        os.kill(first.pid, 0)
    assert not second.await_end(0)
    second.close_input()
    assert second.await_end(PATIENCE_SECONDS)
    first.close()
    second.close()


def test_a_fork_server_that_was_killed_is_replaced(server: ForkServer, tmp_path: Path) -> None:
    end(fork(server, tmp_path))
    killed = pid_of(server)
    os.kill(killed, signal.SIGKILL)
    assert server._process is not None
    server._process.wait(PATIENCE_SECONDS)
    end(fork(server, tmp_path))
    assert pid_of(server) != killed


def test_everything_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, str(tmp_path / "log"), str(SOURCE)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        watched = [os.pidfd_open(pid) for pid in pids]
        parent.kill()
    for process in watched:
        with os.fdopen(process):
            assert select.select([process], [], [], PATIENCE_SECONDS)[0]
