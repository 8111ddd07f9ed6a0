"""Installs the real Terraform so that it works without a network: `python -m tools.terraform.offline FOLDER SOURCES`.

FOLDER gets bin/terraform and a mirror of providers. The providers have the schemas that the files in SOURCES use, and
call no cloud. Run it with the Python of the environment that has the packages.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import re
import sys
from pathlib import Path
from typing import Any

from tools.terraform.schema import read_schema

_PROVIDERS = ("google", "google-beta", "external")
_USED = re.compile(r'^\s*(?:resource|data)\s+"(\w+)"', re.MULTILINE)
_HERE = Path(__file__).resolve().parent


def lay_out(folder: Path, sources: Path) -> Path:
    """Write everything under `folder`; returns the command's path."""
    used = {name for file in sources.glob("*.tf") for name in _USED.findall(file.read_text(encoding="utf-8"))}
    for provider in _PROVIDERS:
        _install(folder, provider, read_schema(_package(provider), provider, used))
    config = folder / "terraform.rc"
    mirror = f'filesystem_mirror {{\n    path = "{folder}/mirror"\n  }}'
    config.write_text(f"disable_checkpoint = true\nprovider_installation {{\n  {mirror}\n}}\n", encoding="utf-8")
    return _script(
        folder / "bin" / "terraform",
        f'export TF_CLI_CONFIG_FILE="{config}"\nexec "{sys.executable}" "{_HERE / "command.py"}" "$@"',
    )


def _package(provider: str) -> Path:
    name = f"cdktn_provider_{provider.replace('-', '_')}"
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise SystemExit(f"the package {name} is not installed")
    return Path(found.origin).parent


def _install(folder: Path, provider: str, schema: dict[str, Any]) -> None:
    for name in [key for key, value in schema["provider"]["block"]["attributes"].items() if value["type"] == "dynamic"]:
        del schema["provider"]["block"]["attributes"][name]  # their types are not in the package, and we use none
    described = folder / f"{provider}.json"
    described.parent.mkdir(parents=True, exist_ok=True)
    described.write_text(json.dumps(schema), encoding="utf-8")
    version = schema["version"]
    place = folder / "mirror" / "registry.terraform.io" / "hashicorp" / provider / version / _platform()
    _script(
        place / f"terraform-provider-{provider}_v{version}",
        f'exec "{sys.executable}" "{_HERE / "plugin.py"}" "{described}"',
    )


def _platform() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    return f"{platform.system().lower()}_{machine}"


def _script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


if __name__ == "__main__":
    print(lay_out(Path(sys.argv[1]).resolve(), Path(sys.argv[2])))
