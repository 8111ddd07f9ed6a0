"""The checks of tools.check_tree find what they are meant to find and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.check_raises import check_raises
from tools.check_tree import check_lines, check_size, files


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("docs/runbook/restore.md", "see /" + "home/ada/notes.txt"),
        ("CHANGELOG.md", "<" * 7 + " HEAD"),
        ("requirements.txt", "--index-" + "url https://mirror.example/simple"),
        ("shared/adapters/stores/runs.py", 'sql = "SELECT run_id FROM runs"'),
        ("shared/domain/dispatching/dispatch.py", "now = datetime.now(UTC)"),
        ("devcloud/state.py", "text = path.read_text()"),
        ("devcloud/state.py", "path.write_text(text)"),
        ("tests/unit/test_tasks.py", "time.sleep" + "(1)"),
        ("tests/unit/test_tasks.py", "@pytest.mark." + "skip"),
    ],
)
def test_line_in_the_wrong_place_is_reported(name: str, line: str) -> None:
    assert len(list(check_lines(name, ["", line]))) == 1


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("docs/runbook/restore.md", "the route /api/v1/work/ and the folder tests/work/"),
        ("shared/adapters/stores/runs.py", '"""Reads the runs that were selected from the queue."""'),
        ("devcloud/state.py", 'path.write_text(text, encoding="utf-8")'),
        ("shared/domain/dispatching/retry.py", "return longest * rng.random()"),
        ("tests/unit/test_tasks.py", "time.sleep(1)  # as slow as a queue that is being paused"),
        ("tests/unit/test_tasks.py", "@pytest.mark.skipif(condition)"),
    ],
)
def test_valid_line_is_not_reported(name: str, line: str) -> None:
    assert list(check_lines(name, [line])) == []


def test_main_is_under_40_lines_and_other_files_have_at_most_300() -> None:
    assert list(check_size("functions/run_pipeline/main.py", [""] * 39)) == []
    assert list(check_size("functions/run_pipeline/main.py", [""] * 40)) != []
    assert list(check_size("shared/sql/auth.sql", [""] * 300)) == []
    assert list(check_size("shared/sql/auth.sql", [""] * 301)) != []
    assert list(check_size("requirements.txt", [""] * 5000)) == []


def test_hidden_folders_are_not_checked_except_ci(tmp_path: Path) -> None:
    for name in (".venv/lib/x.py", ".ci/run", "shared/runtime/log.py", "shared/__pycache__/log.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [name for name, _ in files(tmp_path)] == [".ci/run", "shared/runtime/log.py"]


@pytest.mark.parametrize(
    "raised",
    ["raise classified(error) from error", "raise error.__cause__ from error", "raise error from error"],
)
def test_an_error_that_may_be_its_own_cause_is_reported(raised: str) -> None:
    assert len(list(check_raises("shared/x.py", f"try:\n  work()\nexcept Exception as error:\n  {raised}\n"))) == 1


@pytest.mark.parametrize(
    "raised",
    [
        "raise StepFailed(error) from error",
        "raise errors.StepFailed(error.message) from error",
        "raise refused(places(error.errors())) from None",
        "raise",
    ],
)
def test_a_new_error_with_a_cause_is_not_reported(raised: str) -> None:
    assert list(check_raises("shared/x.py", f"try:\n  work()\nexcept Exception as error:\n  {raised}\n")) == []
