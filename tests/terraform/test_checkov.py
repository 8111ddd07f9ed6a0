"""checkov finds nothing except the findings that are skipped with a written reason."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.contract.rights import ROOT
from tests.support.terraform.checks import sources

pytestmark = [pytest.mark.judge, pytest.mark.timeout(300)]
CHECKOV = ROOT / ".venvs" / "checkov" / "bin" / "checkov"


def test_checkov_finds_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            CHECKOV,
            "-d",
            ROOT / "terraform",
            "--framework",
            "terraform",
            "--quiet",
            "--compact",
            "--skip-download",
            "-o",
            "json",
        ],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    report = json.loads(done.stdout)
    failed = [(check["check_id"], check["resource"]) for check in report["results"]["failed_checks"]]
    assert not failed
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 30
    assert report["summary"]["skipped"] == len(skips())


def skips() -> list[tuple[str, str]]:
    return re.findall(r"checkov:skip=(\w+):(.*)", sources())


def test_every_skip_says_why() -> None:
    assert skips()
    assert all(len(reason.split()) >= 6 for _, reason in skips())
