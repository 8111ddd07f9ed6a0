"""Reads the requirements of locked distributions from their metadata. pip fetches it without installing them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.locks.closing import Pin, normalised, pins

_REPORT = ("install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps", "--ignore-requires-python")
_ELSEWHERE = re.compile(r"(?:sys_platform == 'win32'|os_name == 'nt')")
_NEWER_PYTHON = re.compile(r"python_full_version >= '(3\.\d+)")
_EXTRA = re.compile(r"""extra == ['"]([^'"]+)['"]""")


def requirements_of(locks: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """The requirements of each distribution of any lock, by `name==version`, without unused extras."""
    found: dict[str, Any] = {}
    extras: dict[str, set[str]] = {}
    for lock in locks:
        needed = [pin for pin in pins(lock.read_text(encoding="utf-8")) if not _ELSEWHERE.search(pin.marker)]
        for pin in needed:
            extras.setdefault(_key(pin), set()).update(pin.extras)
        unknown = {_key(pin): pin for pin in needed if _key(pin) not in found}.values()
        for python in {_python_of(pin) for pin in unknown}:
            found |= _read([pin for pin in unknown if _python_of(pin) == python], python=python)
    return {key: _noted(metadata, extras[key]) for key, metadata in found.items()}


def _key(pin: Pin) -> str:
    return f"{pin.name}=={pin.version}"


def _python_of(pin: Pin) -> str | None:
    """The oldest Python that the pin's marker allows, if it is newer than ours; pip then reads its wheel. Else None."""
    found = _NEWER_PYTHON.search(pin.marker)
    return found[1] if found else None


def _read(wanted: list[Pin], *, python: str | None) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        report, names = Path(folder) / "report.json", Path(folder) / "wanted.txt"
        names.write_text("\n".join(_key(pin) for pin in wanted), encoding="utf-8")
        command = [sys.executable, "-m", "pip", *_REPORT, "--report", str(report), "-r", str(names)]
        if python:
            command += ["--python-version", python, "--only-binary", ":all:", "--target", folder]
        subprocess.run(command, check=True)
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    read = [item["metadata"] for item in installs]
    return {f"{normalised(item['name'])}=={item['version']}": item for item in read}


def _noted(metadata: dict[str, Any], extras: set[str]) -> dict[str, Any]:
    asked = [
        requirement
        for requirement in metadata.get("requires_dist", [])
        if not (names := set(_EXTRA.findall(requirement))) or names & extras
    ]
    return {"requires_python": metadata.get("requires_python", ""), "requires": asked}
