"""Every distribution has a newer release, and pip still installs exactly the locked ones.

The oldest and the newest pip that are promised install each function's requirements, the root's, and uv, which
installs everything else, with the options of Google's builder, into an environment that has nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import Marker

from tests.support.package_index import add_newer_releases, serve
from tools.locks.closing import Pin, normalised, pins

ROOT = Path(__file__).resolve().parents[2]
PIPS = {name: ROOT / ".venvs" / name / "bin" / "python" for name in ("pip-oldest", "pip-newest")}
UV = ROOT / ".venvs" / "uv" / "bin" / "uv"
LOCKS = [ROOT / "requirements.txt", ROOT / "requirements" / "lock.txt"]
# The options with which Google's builder for Python calls pip, and --no-compile, which does not change the result.
BUILDER = ("install", "--upgrade", "--upgrade-strategy", "only-if-needed", "--no-compile", "--no-warn-script-location")

pytestmark = [
    pytest.mark.judge,
    pytest.mark.skipif(
        not all(python.exists() for python in PIPS.values()), reason="`make judge-install` makes the pips' environments"
    ),
]


def distinct_locks() -> dict[str, Path]:
    """The different locks that pip installs, by the names of the folders that share each of them."""
    same: dict[frozenset[Pin], list[Path]] = defaultdict(list)
    for path in [*LOCKS, *sorted(ROOT.glob("functions/*/requirements.txt"))]:
        same[frozenset(pins(path.read_text(encoding="utf-8")))].append(path)
    return {" ".join(path.parent.name for path in paths): paths[0] for paths in same.values()}


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command. Its pip reads only the given settings, and none of this machine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    quiet = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run(
        [str(part) for part in command],
        env=inherited | quiet | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A package index with the pins of the root's lock and of uv's lock, and a newer release of each."""
    wheels = tmp_path_factory.mktemp("wheels")
    download = ("download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", wheels)
    # Settings of a mirror or a certificate.
    own = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    extras: dict[str, set[str]] = defaultdict(set)
    for lock in LOCKS:
        got = run(PIPS["pip-newest"], "-m", "pip", *download, "-r", lock, **own)
        assert got.returncode == 0, got.stderr
        for pin in pins(lock.read_text(encoding="utf-8")):
            extras[pin.name] |= pin.extras
    assert add_newer_releases(wheels, extras) > 50
    with serve(wheels) as address:
        yield address


@pytest.fixture
def clean_python(tmp_path: Path) -> Path:
    """The interpreter of an environment that has nothing, not even pip."""
    made = run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "clean")
    assert made.returncode == 0, made.stderr
    return tmp_path / "clean" / "bin" / "python"


def install(pip: str, python: Path, lock: Path, index: str) -> subprocess.CompletedProcess[str]:
    options = ("--python", python, *BUILDER, "-r", lock)
    return run(PIPS[pip], "-m", "pip", *options, PIP_INDEX_URL=index, PIP_NO_CACHE_DIR="1")


def installed(python: Path) -> set[tuple[str, str]]:
    (site_packages,) = python.parent.parent.glob("lib/python3.*/site-packages")
    return {(normalised(found.metadata["Name"]), found.version) for found in distributions(path=[str(site_packages)])}


@pytest.mark.parametrize("lock", distinct_locks().values(), ids=distinct_locks().keys())
@pytest.mark.parametrize("pip", PIPS)
def test_pip_installs_exactly_the_lock(pip: str, lock: Path, index: str, clean_python: Path) -> None:
    got = install(pip, clean_python, lock, index)
    assert got.returncode == 0, got.stderr
    wanted = pins(lock.read_text(encoding="utf-8"))
    assert installed(clean_python) == {
        (pin.name, pin.version) for pin in wanted if not pin.marker or Marker(pin.marker).evaluate()
    }


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the pip of Python 3.12 and newer has no such fault")
def test_with_a_lock_without_extras_pip_installs_a_newer_release(
    index: str, clean_python: Path, tmp_path: Path
) -> None:
    text = (ROOT / "functions/run_pipeline/requirements.txt").read_text(encoding="utf-8")
    open_lock = tmp_path / "requirements.txt"
    open_lock.write_text(
        re.sub(r"^\S+\[.+?\]==.*\n(?:    --hash.*\n)+", "", text, flags=re.MULTILINE), encoding="utf-8"
    )
    got = install("pip-oldest", clean_python, open_lock, index)
    assert got.returncode != 0
    assert "must have their versions pinned with ==" in got.stderr
