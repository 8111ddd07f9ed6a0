"""The commands of README.md and `make up` work unchanged in interactive shells of a user's machine.

One demo tells its story for all tests and stays, on a machine without a network if possible.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from shutil import which

import pytest

from devcloud.tls import IAM_CREDENTIALS
from tests.support.alone import Alone, in_folder, run_alone, started_alone, why_not
from tests.support.processes import processes_that_name
from tests.support.shell_blocks import ROOT, blocks_of

README = (ROOT / "README.md").read_text(encoding="utf-8")
BY_HAND = README.partition("## Use it by hand")[2].partition("\n## ")[0]
SHELLS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}
NEEDED = ("curl", "jq")
LOOK_UP = f"import socket; socket.getaddrinfo({IAM_CREDENTIALS!r}, 443)"
DAYS = 14  # of the tenant's export, as README seeds it
# The errors of shells, Python and jq for a line that does not work; the outputs hold the functions' errors.
COMPLAINT = re.compile(r"not found|no matches|parse error|syntax error|unexpected|Traceback|error:", re.IGNORECASE)

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Platform:
    """The process of `make up` in a checkout of its own, and its output when it was ready."""

    checkout: Path
    printed: str
    alone: Alone | None

    def paste(self, shell: str, text: str) -> tuple[str, str]:
        """The output of lines that are pasted into an interactive shell."""
        needed = [name for name in (shell, *NEEDED) if not which(name)]
        if needed:
            pytest.skip(f"this machine has no {' and no '.join(needed)}")
        try:
            done = subprocess.run(
                self._beside(SHELLS[shell]), input=text, capture_output=True, text=True, check=False,
                timeout=200, start_new_session=True, env=_environment(self.checkout),
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:  # most likely because a run does not end
            pytest.fail(f"the pasted lines do not come to an end: {late.stdout!r} {late.stderr!r}")
        return done.stdout, done.stderr

    def _beside(self, command: Sequence[str]) -> Sequence[str]:
        if self.alone is None:
            return in_folder(self.checkout, command)
        return self.alone.beside(command, folder=self.checkout)


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "TMPDIR": str(home / "tmp"), "TERM": "dumb", "COLUMNS": "116"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`make up`. It must end well and leave only the folder that it was given."""
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / "tmp").mkdir()
    for name in ("configs", "devcloud", "functions", "shared"):
        (checkout / name).symlink_to(ROOT / name)
    (checkout / ".venv").symlink_to(sys.prefix)
    command = [".venv/bin/python", "-u", "-m", "devcloud", "demo", "--stay", "--state-dir", ".devcloud"]
    with _started(in_folder(checkout, command), _environment(checkout)) as (running, alone):
        try:
            yield Platform(checkout, "".join(_printed_until_ready(running)), alone)
        finally:
            running.terminate()
        assert (running.wait(), list((checkout / "tmp").iterdir())) == (0, [])
    assert processes_that_name(checkout) == []


@contextmanager
def _started(
    command: Sequence[str], environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], Alone | None]]:
    if why_not() is None:
        with started_alone(command, environment=environment) as alone:
            yield alone.process, alone
    else:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
            yield running, None


def _printed_until_ready(running: subprocess.Popen[str]) -> Iterator[str]:
    assert running.stdout is not None
    printed: list[str] = []
    for line in running.stdout:
        printed.append(line)
        yield line
        if "devcloud jobs --state-dir" in line:
            return
    raise AssertionError(f"the demo ended before it was ready: {''.join(printed[-20:])}")


def test_make_up_runs_the_command_of_these_tests() -> None:
    up = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nup:")[2].partition("\n\n")[0]
    assert "-m devcloud demo --stay --state-dir" in up


def test_the_readme_shows_what_the_demo_prints(platform: Platform) -> None:
    shown = README.partition("```text\n")[2].partition("```")[0]
    printed = {_without_chance(line) for line in platform.printed.splitlines()}
    assert [line for line in shown.splitlines() if _without_chance(line) not in printed] == []
    assert "343.69" in shown


def test_the_demo_publishes_the_exports_sums(platform: Platform) -> None:
    printed = platform.printed
    assert printed.count("equal to the last digit") == 5  # twice and a repetition of Google Cloud's; AWS's, Azure's
    assert printed.count("FOCUS 1.2 has the same total as BilledCost; by ServiceCategory:") == 3
    assert "The table is the same" in printed
    assert "no run has published yet,\n   here 10 Nov." in printed


def test_the_demo_ends_with_three_clouds_in_a_table_that_fits_into_100_columns(platform: Platform) -> None:
    printed = platform.printed.partition("8. Three clouds")[2].partition("BigQuery ran")[0]
    assert re.search(r"AWS +data until 17 Nov 2025, final until 31 Oct 2025\n", printed)
    assert re.search(r"Google Cloud +data until 17 Nov 2025, final until 17 Nov 2025\n", printed)
    assert re.search(r"Microsoft +data until 17 Nov 2025, final until 17 Nov 2025\n", printed)
    assert max(map(len, printed.splitlines())) <= 100


def test_the_demo_needs_no_network_and_looks_up_no_name(platform: Platform) -> None:
    if platform.alone is None:
        pytest.skip(f"no machine without a network can be had here: {why_not()}")
    assert platform.alone.asked() == []
    # The name server would have recorded a look-up.
    assert IAM_CREDENTIALS in run_alone([sys.executable, "-c", LOOK_UP]).asked


def _without_chance(line: str) -> str:
    """A printed line without the parts that differ from run to run: times, and a run's id."""
    return re.sub(r" +", " ", re.sub(r"\b\d+\.\d+ s\b|\b[0-9a-f]{8}\b", "X", line)).rstrip()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_readmes_blocks_work_when_they_are_pasted_and_pasted_again(platform: Platform, shell: str) -> None:
    blocks = "".join(block.text for block in blocks_of(ROOT / "README.md", BY_HAND))
    answers, complaints = platform.paste(shell, blocks)
    assert COMPLAINT.search(complaints) is None, complaints
    assert re.search(r'"action": "(CREATED|UPDATED)"', answers), complaints + answers
    days = re.findall(r"2025-11-\d\d │ USD +│ +\d+\.\d+ │", answers)
    assert len(days) == DAYS, answers
    assert answers.count('"status": "COMPLETED"') == 2, answers
    assert re.search(r'"trigger_type": "scheduler",\s+"user_id": null', answers), answers
    assert '"message": "Schedule removed"' in answers
    assert '"runs_last_24h"' in answers


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_lines_that_make_up_prints_work_when_they_are_pasted(platform: Platform, shell: str) -> None:
    story, _, block = platform.printed.partition("from another terminal:")
    lines = re.findall(r"^ .*\n", block, re.MULTILINE)
    assert max(len(line.rstrip()) for line in lines) <= 120
    answers, complaints = platform.paste(shell, textwrap.dedent("".join(lines)))
    assert COMPLAINT.search(complaints) is None, complaints
    assert re.search(r'"status": ?"(RUNNING|PENDING)", ?"message": ?"Pipeline ', answers), answers
    assert '"credential_kind"' in answers
    assert {"aws-cost-billing", "azure-cost-billing"} <= set(re.findall(r"[a-z]+-cost-billing", answers))
    assert answers.count('"verified": true') + answers.count('"verified":true') == 2, answers
    assert re.search(r"AWS +│ 2025-10 │ USD", answers), answers
    asked = [Decimal(cost) for cost in re.findall(r"2025-11-\d\d │ USD +│ +(\d+\.\d+) │", answers)]
    shown = re.findall(r"\d+\.\d\d", story.partition("all services")[2].partition("\n")[0])
    assert [str(cost.quantize(Decimal("0.01"))) for cost in [*asked, sum(asked, Decimal(0))]] == shown, "both are net"
