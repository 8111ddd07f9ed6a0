"""Every package from npm is pinned with its hash, and its lock names no registry, so any mirror may serve it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("requirements/judges", "clients")
    for path in (ROOT / folder).glob("*/package-lock.json")
)


def packages(lock: str) -> dict[str, dict[str, Any]]:
    """The packages of a lock by their places, without the project itself."""
    found: dict[str, dict[str, Any]] = json.loads((ROOT / lock).read_text(encoding="utf-8"))["packages"]
    return {place: package for place, package in found.items() if place}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_a_hash_and_comes_from_no_named_place(lock: str) -> None:
    found = packages(lock)
    assert found
    for place, package in found.items():
        kind, _, digest = package["integrity"].partition("-")
        assert (kind, len(base64.b64decode(digest))) == ("sha512", 64), place
        assert "resolved" not in package, place


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_what_its_project_wants_in_one_exact_version(lock: str) -> None:
    wanted = json.loads((ROOT / lock).with_name("package.json").read_text(encoding="utf-8"))
    names = wanted.get("dependencies", {}) | wanted.get("devDependencies", {})
    found = packages(lock)
    assert {name: found[f"node_modules/{name}"]["version"] for name in names} == names
