"""A request that exceeds its time ends its process, whatever it does, and logs that if possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from shared.configuration.platform_config import CONFIGS, get_platform
from shared.configuration.settings import Settings

PROGRAM = """
import re, sys, threading
from shared.runtime import log
from shared.runtime.watchdog import Watchdog

def loop():
    while True:
        pass

log.configure("INFO")
WORK = {{
    "a loop in Python": loop,
    "a wait": lambda: threading.Event().wait(),
    "a call into C that keeps the interpreter": lambda: re.fullmatch("(a|a)*b", "a" * 60),
    "work that ends": lambda: None,
}}
with Watchdog(seconds=0.2, grace_seconds=0.5) as watchdog:
    watchdog.last_word = lambda: {last_word}
    WORK[sys.argv[1]]()
threading.Event().wait(1)  # longer than the watchdog would
print("still there", flush=True)
"""
SAY, FAIL, HANG = 'print("last word", flush=True)', "1 / 0", "threading.Event().wait()"


def ended(work: str, last_word: str = SAY) -> subprocess.CompletedProcess[str]:
    """Run this code in a process with a watchdog, and return the ended process."""
    command = [sys.executable, "-c", PROGRAM.format(last_word=last_word), work]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("work", "last_word", "says"),
    [
        ("a loop in Python", SAY, "last word"),
        ("a wait", SAY, "last word"),
        ("a wait", FAIL, "last word not said"),
        ("a wait", HANG, "Timeout (0:00:00."),
        ("a call into C that keeps the interpreter", SAY, "Timeout (0:00:00."),
    ],
)
def test_a_request_that_does_not_return_ends_with_its_process(work: str, last_word: str, says: str) -> None:
    process = ended(work, last_word)
    assert process.returncode == 1
    assert says in process.stdout + process.stderr
    assert "still there" not in process.stdout


def test_the_log_says_where_the_request_was() -> None:
    assert "in loop" in ended("a loop in Python").stdout


def test_a_request_that_ends_in_time_is_not_interrupted() -> None:
    process = ended("work that ends")
    assert (process.returncode, process.stdout) == (0, "still there\n")


def test_the_executor_can_report_before_cloud_run_ends_the_request() -> None:
    budget, grace = (Settings.model_fields[f"execution_{name}_seconds"].default for name in ("budget", "grace"))
    assert budget + 2 * grace < get_platform().functions["execute_run"].timeout_seconds


FUNCTION = """
import threading
import flask
from shared.http.routes import Routes
from shared.http.messages import Answer

routes, met = Routes("scheduler_status"), threading.Barrier(2)

@routes.on("GET /calm", policy=lambda call: None)
def calm(call):
    met.wait()
    return Answer(200, {})

@routes.on("GET /stuck", policy=lambda call: None)
def stuck(call):
    met.wait()
    while True:
        pass

app = flask.Flask("scheduler_status")

def ask(path):
    with app.test_request_context(path):
        print(path, routes.respond(flask.request).status_code, flush=True)

threads = [threading.Thread(target=ask, args=(path,)) for path in ("/stuck", "/calm")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("still there", flush=True)
"""


def test_every_function_ends_its_process_if_a_request_exceeds_its_time(tmp_path: Path) -> None:
    shutil.copytree(CONFIGS.parent / "shared", tmp_path / "shared")
    platform = yaml.safe_load((CONFIGS / "platform.yml").read_text())
    platform["functions"]["scheduler_status"]["timeout_seconds"] = 1
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/platform.yml").write_text(yaml.safe_dump(platform))
    command, own = [sys.executable, "-c", FUNCTION], {"PROJECT_ID": "a-project", "BIGQUERY_LOCATION": "US"}
    process = subprocess.run(
        command, cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == 1, process.stderr
    assert "/calm 200" in process.stdout
    assert "in stuck" in process.stdout
    assert "still there" not in process.stdout


def test_cancelling_one_deadline_keeps_the_others() -> None:
    program = """
import threading
from shared.runtime.watchdog import Watchdog

with Watchdog(seconds=60, grace_seconds=60):
    with Watchdog(seconds=0.2, grace_seconds=0.2) as inner:
        pass
    threading.Event().wait(0.6)  # longer than the inner one would
print("still there", flush=True)
with Watchdog(seconds=0.2, grace_seconds=60):
    with Watchdog(seconds=60, grace_seconds=60):
        threading.Event().wait()
"""
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (process.returncode, process.stdout.splitlines()[0]) == (1, "still there")
