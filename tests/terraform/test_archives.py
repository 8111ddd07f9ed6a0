"""Each function's archive is unpacked and imported with only its requirements installed."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.configuration.platform_config import get_platform
from tests.support.contract.rights import ROOT, modules_of
from tests.support.terraform.workspace import Plan, Workspace
from tools.terraform.archives import content_hash, members, pack

pytestmark = [pytest.mark.judge, pytest.mark.timeout(300)]
FUNCTIONS = sorted(get_platform().functions)
# Loads the entry point as Cloud Functions does, then everything its code may import later.
_LOAD = """
import importlib, importlib.util, json, sys
import functions_framework
function, modules = json.loads(sys.argv[1])
functions_framework.create_app(function, "main.py")
sys.path.insert(0, ".")
for module in modules:
    importlib.import_module(module)
print(sorted(name for name in ("devcloud", "tests", "tools", "pytest", "duckdb") if importlib.util.find_spec(name)))
"""


@pytest.fixture
def clean_python(tmp_path: Path) -> Callable[[Path], Path]:
    """Makes an environment with exactly the packages of a requirements file, and returns its interpreter."""

    def make(requirements: Path) -> Path:
        uv, environment = str(ROOT / ".venvs/uv/bin/uv"), tmp_path / "environment"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
        install = [uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(environment)]
        subprocess.run([*install, "-r", str(requirements)], check=True, timeout=240)
        return environment / "bin" / "python"

    return make


def test_every_function_has_a_planned_archive_named_by_its_content(plan: Plan) -> None:
    objects = plan.resources("google_storage_bucket_object")
    assert objects.keys() == set(FUNCTIONS)
    for name, archive in objects.items():
        assert archive.values["name"] == f"{name}/{content_hash(members(ROOT, name))}.zip"
        assert (
            plan.resources("google_cloudfunctions2_function")[name].values["build_config"][0]["source"][0][
                "storage_source"
            ][0]["object"]
            == archive.values["name"]
        )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_archive_can_be_imported_with_only_its_own_requirements(
    function: str, workspace: Workspace, plan: Plan, clean_python: Callable[[Path], Path], tmp_path: Path
) -> None:
    source = plan.resources("google_storage_bucket_object")[function].values["source"]
    unpacked = tmp_path / "function"
    with zipfile.ZipFile(workspace.root / "terraform" / source) as archive:
        archive.extractall(unpacked)
    served = {"docs"} if function == "console" else set()
    assert {path.name for path in unpacked.iterdir()} == {"main.py", "requirements.txt", "shared", "configs"} | served
    documents = [path.relative_to(unpacked).as_posix() for path in (unpacked / "docs").rglob("*")]
    assert documents == (["docs/openapi.json"] if served else [])
    assert not list(unpacked.rglob("__pycache__"))

    python = clean_python(unpacked / "requirements.txt")
    loaded = subprocess.run(
        [python, "-c", _LOAD, json.dumps([function, sorted(modules_of(function))])],
        cwd=unpacked,
        env={
            "PATH": os.environ["PATH"],
            "PROJECT_ID": "p",
            "BIGQUERY_LOCATION": "US",
            "K_SERVICE": function.replace("_", "-"),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr[-2000:]
    assert loaded.stdout.strip().splitlines()[-1] == "[]"


def test_the_same_content_gives_an_archive_with_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert pack(ROOT, "run_pipeline", first) == pack(ROOT, "run_pipeline", second)
    (one,), (other,) = first.iterdir(), second.iterdir()
    assert one.read_bytes() == other.read_bytes()


def test_a_changed_byte_gives_the_archive_another_name() -> None:
    files = members(ROOT, "run_pipeline")
    assert content_hash({**files, "main.py": files["main.py"] + b"\n"}) != content_hash(files)
    assert content_hash({**files, "configs/new.yml": b""}) != content_hash(files)
