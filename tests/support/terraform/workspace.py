"""A checkout with real Terraform, whose providers have the real schema and no cloud."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.contract.rights import ROOT

PYTHON = ROOT / ".venvs" / "terraform" / "bin" / "python"
PROJECT, REGION, LOCATION = "acme-costs", "europe-west3", "EU"
VARIABLES = {
    "project_id": PROJECT,
    "region": REGION,
    "bigquery_location": LOCATION,
    "alert_email": "platform@example.com",
}
DEPLOYED = ("terraform", "configs", "shared", "functions", "tools", "deploy.sh", "docs/openapi.json")
_NOT_SOURCE = shutil.ignore_patterns(
    "__pycache__", "build", ".terraform*", "*.tfstate*", "terraform.tfvars", "backend.tf"
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A resource of a plan, with the values that are known before it is created."""

    address: str
    type: str
    name: str
    key: str | None
    values: Json


@dataclass(frozen=True)
class Plan:
    """The resources that a plan creates, from `terraform show -json`."""

    document: Json

    def resources(self, kind: str, name: str | None = None) -> dict[str, Resource]:
        """The planned resources of a type (and name), by key. A single resource has the empty key."""
        return {
            resource.key or "": resource
            for resource in self
            if resource.type == kind and (name is None or resource.name == name)
        }

    def __iter__(self) -> Iterator[Resource]:
        for found in self.document["planned_values"]["root_module"]["resources"]:
            if found["mode"] == "managed":
                key = found.get("index")
                name = None if key is None else str(key)
                yield Resource(found["address"], found["type"], found["name"], name, found["values"])

    def environment_of(self, function: str) -> dict[str, str | None]:
        """The settings that a function gets. A value is None if it is known only after its resource is created."""
        planned = self.resources("google_cloudfunctions2_function")[function]
        (change,) = (each["change"] for each in self.document["resource_changes"] if each["address"] == planned.address)
        (unknown,) = change["after_unknown"]["service_config"]
        (service,) = planned.values["service_config"]
        return {**service["environment_variables"], **dict.fromkeys(unknown.get("environment_variables", {}))}

    def configuration(self, address: str) -> Json:
        """The arguments of a resource in the files: constants, or references."""
        resources = self.document["configuration"]["root_module"]["resources"]
        return dict(next(each["expressions"] for each in resources if each["address"] == address))

    @property
    def outputs(self) -> Json:
        """The planned outputs that are known."""
        return {name: output.get("value") for name, output in self.document["planned_values"]["outputs"].items()}


@dataclass(frozen=True)
class Workspace:
    """A copy of the sources with a terraform of its own; nothing is written into the tree."""

    root: Path
    terraform: Path
    data: Path
    variables: Mapping[str, str] = field(default_factory=lambda: VARIABLES)
    data_folder: str = "terraform"

    def run(self, *arguments: str, variables: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Terraform in this checkout; TF_VAR_* carry the variables, JSON for those that are not text."""
        wanted = {**self.variables, **(variables or {})}
        as_text = {name: value if isinstance(value, str) else json.dumps(value) for name, value in wanted.items()}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.data),
            "TF_DATA_DIR": str(self.data / self.data_folder),
            "TF_IN_AUTOMATION": "1",
            **{f"TF_VAR_{name}": value for name, value in as_text.items()},
        }
        return subprocess.run(
            [str(self.terraform), *arguments],
            cwd=self.root / "terraform",
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def succeed(self, *arguments: str, variables: Mapping[str, Any] | None = None) -> str:
        """The output of a command that has to work."""
        done = self.run(*arguments, variables=variables)
        assert done.returncode == 0, f"terraform {arguments[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def plan(self, variables: Mapping[str, Any] | None = None) -> Plan:
        """The resources that would be created."""
        file = self.data / "plan"
        self.succeed("plan", "-input=false", "-no-color", f"-out={file}", variables=variables)
        return Plan(json.loads(self.succeed("show", "-json", str(file))))

    def state(self) -> Json:
        """The resources that were created."""
        return dict(json.loads(self.succeed("show", "-json")))

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a source file of this copy."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} has {text.count(old)} times {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def copy(self, root: Path) -> Workspace:
        """Another checkout like this one, without its state, initialised like it."""
        other = Workspace(root / "checkout", self.terraform, root / "data", self.variables)
        copy_sources(self.root, other.root)
        shutil.copy(self.root / "terraform" / ".terraform.lock.hcl", other.root / "terraform")
        shutil.copytree(self.data / "terraform", other.data / "terraform", symlinks=True)
        return other


def check_out(root: Path) -> Path:
    """Copy what is deployed out of the tree."""
    root.mkdir(exist_ok=True)
    for name in DEPLOYED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=_NOT_SOURCE)
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, root / name)
    return root


def copy_sources(checkout: Path, to: Path) -> Path:
    """Another checkout of the same version, without what Terraform has made there."""
    return Path(shutil.copytree(checkout, to, ignore=_NOT_SOURCE))


def lay_out(folder: Path) -> Path:
    """Put real Terraform and its providers into a folder; return the command."""
    done = subprocess.run(
        [str(PYTHON), "-m", "tools.terraform.offline", str(folder), "terraform"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return Path(done.stdout.strip())
