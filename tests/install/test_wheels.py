"""Every package has a wheel for each Python and system, so nothing is built during installation."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".venvs" / "uv" / "bin" / "uv"
LOCKS = ["requirements/dev.txt", "requirements/lock.txt"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
SYSTEMS = ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin"]

pytestmark = pytest.mark.judge


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_lock_installs_only_from_wheels(lock: str, python: str, system: str, tmp_path: Path) -> None:
    where = ("--python-version", python, "--python-platform", system, "--target", str(tmp_path / "target"))
    command = [str(UV), "pip", "sync", "--dry-run", "--no-build", "--require-hashes", *where, str(ROOT / lock)]
    got = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert got.returncode == 0, got.stderr
