"""`devcloud up` as a process: its output when it is ready, and what remains when it ends or is killed."""

from __future__ import annotations

import signal
from pathlib import Path

from devcloud.state import StateDir
from tests.support.devcloud.command_line import CommandLine, up


def test_acknowledged_writes_survive_a_kill_and_the_addresses_stay(tmp_path: Path) -> None:
    commands = CommandLine(tmp_path)
    with up(tmp_path) as first:
        key = commands.json("mint-key", "--project", "acme-gcp")
        commands.json("onboard", "acme_corp", "--json")
        first.end(signal.SIGKILL)

    gone = commands.run("status")
    assert gone.returncode == 1
    assert "was killed" in gone.stderr

    with up(tmp_path) as second:
        assert second.ready["gateway"] == first.ready["gateway"]
        assert second.ready["admin_key"] == first.ready["admin_key"]
        assert second.ready["env"]["TENANT_TOKEN_URI"] == key["token_uri"]
        assert commands.run("onboard", "acme_corp").returncode == 1
        assert second.end(signal.SIGTERM) == 0


def test_the_ready_line_has_the_addresses_and_an_interrupted_cloud_leaves_nothing_behind(tmp_path: Path) -> None:
    with up(tmp_path) as served:
        ready = served.ready
        assert ready.keys() >= {"gateway", "bigquery", "project", "region", "admin_key", "services", "env"}
        assert ready["services"].keys() == {
            "kms", "secret_manager", "tasks", "scheduler", "storage_read", "token_server", "s3", "azure",
        }  # fmt: skip
        assert Path(ready["env"]["GOOGLE_APPLICATION_CREDENTIALS"]).exists()
        assert len(ready["admin_key"]) >= 32
        assert CommandLine(tmp_path).json("status", "--json")["gateway"] == ready["gateway"]
        assert served.end(signal.SIGINT) == 0
    assert not (tmp_path / "devcloud.json").exists()
    state = StateDir(tmp_path)
    state.acquire()  # no process holds it
    state.release()
