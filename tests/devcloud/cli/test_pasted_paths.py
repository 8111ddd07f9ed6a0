"""The shown commands work in a folder whose name has a space and a bracket."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from devcloud.shown import places, welcome
from devcloud.state import StateDir

FOLDER = "somebody's own [old] work"


@pytest.fixture
def ready(tmp_path: Path) -> dict[str, Any]:
    environment = defaultdict[str, str](lambda: f"{tmp_path / FOLDER}/file")
    names = dict.fromkeys(("gateway", "bigquery", "project", "region", "admin_key"), "x")
    return {**names, "services": {}, "env": environment}


def test_an_exported_path_with_a_space_is_one_value(ready: dict[str, Any]) -> None:
    exports = [line.strip() for line in places(ready).splitlines() if line.startswith("  export ")]
    script = "\n".join([*exports, 'printf %s "$GOOGLE_APPLICATION_CREDENTIALS"'])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == ready["env"]["GOOGLE_APPLICATION_CREDENTIALS"]


def test_commands_name_the_interpreter_and_the_state_directory_as_one_word_each(
    ready: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, state = f"{tmp_path / FOLDER}/bin/python", StateDir(tmp_path / FOLDER)
    monkeypatch.setattr(sys, "executable", python)
    for line in [state.hint.partition(": ")[2], welcome(ready, state.path).splitlines()[-1]]:
        assert shlex.split(line)[:2] == [python, "-m"]
        assert shlex.split(line)[-2:] == ["--state-dir", str(state.path)]
