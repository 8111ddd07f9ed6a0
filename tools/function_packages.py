"""Names the modules that are installed here but are not in a function's requirements.txt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
_NAMESPACES = {"google", "google.cloud"}  # many packages put their own modules into these


def hidden_modules(function: str) -> list[str]:
    """Modules that are installed here and not in the deployed function; `sys.modules[name] = None` hides one."""
    text = (ROOT / "functions" / function / "requirements.txt").read_text(encoding="utf-8")
    required = {_normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}
    ours: set[str] = set()
    others: set[str] = set()
    for distribution, modules in _installed():
        (ours if distribution in required else others).update(modules)
    return sorted(others - ours)


@cache
def _installed() -> Sequence[tuple[str, set[str]]]:
    """Every installed distribution with its modules."""
    return [(_normal(distribution.name), _tops(distribution)) for distribution in distributions()]


def _tops(distribution: Distribution) -> set[str]:
    """The packages and modules of a distribution: at the top level, or directly inside a shared namespace."""
    found = set()
    for file in distribution.files or ():
        path = PurePosixPath(file)
        if path.suffix not in {".py", ".so"} or path.parts[0] == "..":
            continue
        parts = [*path.parts[:-1], path.name.partition(".")[0]]
        depth = next((n for n in range(1, len(parts)) if ".".join(parts[:n]) not in _NAMESPACES), len(parts))
        if parts[depth - 1] != "__init__":
            found.add(".".join(parts[:depth]))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
