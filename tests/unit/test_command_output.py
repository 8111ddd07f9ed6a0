"""The command line prints lines for people: an empty line separates parts, a missing line is left out."""

from __future__ import annotations

import pytest

from convergence.output import print_lines


def test_an_empty_line_is_printed_and_a_missing_one_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines("runs", None, "", "costs")
    assert capsys.readouterr().out == "runs\n\ncosts\n"
