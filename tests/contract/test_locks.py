"""Every lock is closed: it pins every distribution that its pinned distributions require, on each Python and system.

requirements/distributions.json holds what distributions require; `make lock` writes from their metadata.
"""

from __future__ import annotations

import json
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tools.locks.closing import Pin, closed, normalised, pins

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "requirements.txt", *ROOT.glob("requirements/**/*.txt"), *ROOT.glob("functions/*/*.txt")]
)
NOTES: dict[str, dict[str, Any]] = json.loads((ROOT / "requirements/distributions.json").read_text(encoding="utf-8"))
PYTHONS = ["3.11.0", "3.11.14", "3.12.12", "3.13.9", "3.14.0"]
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}
# The official FOCUS validator says 3.12 and newer; `make judge-focus` installs it on 3.11 all the same.
REQUIRES_NEWER_PYTHON = {"focus-validator"}


def environment(python: str, system: str) -> dict[str, str]:
    found = {name: str(value) for name, value in default_environment().items()}
    short = ".".join(python.split(".")[:2])
    return found | SYSTEMS[system] | {"python_version": short, "python_full_version": python, "os_name": "posix"}


def holds(marker: str, where: dict[str, str]) -> bool:
    return not marker or bool((Requirement(f"x ; {marker}").marker or pytest.fail(marker)).evaluate(where))


def open_ends(lock: list[Pin], where: dict[str, str]) -> list[str]:
    """The requirements of the installed pins that the lock does not pin."""
    installed = [pin for pin in lock if holds(pin.marker, where)]
    pinned: dict[str, tuple[str, set[str]]] = {}
    for pin in installed:
        version, extras = pinned.setdefault(pin.name, (pin.version, set()))
        assert version == pin.version, f"{pin.name} is pinned twice"
        extras |= pin.extras
    found = []
    for pin in installed:
        note = NOTES[f"{pin.name}=={pin.version}"]
        if pin.name not in REQUIRES_NEWER_PYTHON and note["requires_python"]:
            assert SpecifierSet(note["requires_python"]).contains(where["python_full_version"]), pin
        for text in note["requires"]:
            requirement = Requirement(text)
            wanted = [None, *pin.extras]
            if requirement.marker and not any(requirement.marker.evaluate(where | {"extra": e or ""}) for e in wanted):
                continue
            version, extras = pinned.get(normalised(requirement.name), ("", set()))
            met = version and requirement.specifier.contains(version, prereleases=True)
            if not met or not requirement.extras <= extras:
                found.append(f"{pin.name} requires {text}")
    return found


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_everything_that_its_pins_require(lock: str, python: str, system: str) -> None:
    found = pins((ROOT / lock).read_text(encoding="utf-8"))
    assert found
    assert open_ends(found, environment(python, system)) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_package_with_an_extra_is_also_pinned_without_it(lock: str) -> None:
    found = pins((ROOT / lock).read_text(encoding="utf-8"))
    bare = {(pin.name, pin.version, pin.marker) for pin in found if not pin.extras}
    assert [pin for pin in found if (pin.name, pin.version, pin.marker) not in bare] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_none_comes_from_elsewhere(lock: str) -> None:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line and not line.startswith((" ", "#")):
            assert "==" in line, line
            assert line.endswith("\\"), line
            assert following.startswith("    --hash=sha256:"), line


def test_notes_agree_with_the_installed_distributions() -> None:
    compared = 0
    for distribution in distributions():
        note = NOTES.get(f"{normalised(distribution.metadata['Name'])}=={distribution.version}")
        if note:
            own = distribution.metadata.get_all("Requires-Dist") or []
            assert set(note["requires"]) <= set(own), distribution
            plain = [text for text in own if "extra ==" not in text]
            assert set(plain) <= set(note["requires"]), distribution
            compared += 1
    assert compared > 80


def test_a_lock_without_an_extra_is_found() -> None:
    where = environment("3.11.14", "linux")
    whole = pins((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    assert open_ends(whole, where) == []
    bare = [pin for pin in whole if not pin.extras]
    assert any("google-auth" in requirement for requirement in open_ends(bare, where))
    assert any(
        text.startswith("pydantic requires")
        for text in open_ends([p for p in whole if p.name != "pydantic-core"], where)
    )


def test_a_pin_with_an_extra_gets_a_pin_without_it_before_it() -> None:
    first = "a==1 \\\n    --hash=sha256:1\n    # via b\n"
    lock = f"{first}b[x,y]==2 ; python_version < '3.12' \\\n    --hash=sha256:2\n    # via c\n"
    twin = "b==2 ; python_version < '3.12' \\\n    --hash=sha256:2\n"
    assert closed(lock) == lock.replace("b[x,y]", twin + "b[x,y]")
