"""The command line prints lines for people: an empty line separates parts, a missing line is left out."""

from __future__ import annotations

from io import StringIO

import pytest

from convergence.output import print_lines, print_table, published


def test_an_empty_line_is_printed_and_a_missing_one_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines("runs", None, "", "costs")
    assert capsys.readouterr().out == "runs\n\ncosts\n"


RUN = "7f0a1c52-93d4-4b8e-8a57-1f7a4be1c0de"
ROWS = [(RUN, "2025-11-01 to 2025-11-14", "1234567.89", "The export of these days has no rows. Ask for other days.")]


def printed(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> list[str]:
    out = StringIO()
    monkeypatch.setattr(out, "isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout", out)
    print_table(("run", "days", "cost", "reason"), ROWS, numbers=["cost"], prose=["reason"])
    return out.getvalue().splitlines()


def test_a_row_is_one_line_if_the_output_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(monkeypatch, terminal=False)[2:] == ["   ".join(ROWS[0])]


def test_a_narrow_terminal_breaks_prose_between_words_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = printed(monkeypatch, terminal=True)[2:]
    whole = "   ".join(ROWS[0][:3])
    assert first.startswith(whole)
    assert "".join([first.removeprefix(whole), *others]).split() == ROWS[0][3].split()
    assert len(others) > 1


@pytest.mark.parametrize(
    ("first", "last", "rows", "line"),
    [
        ("2025-11-01", "2025-11-14", 7, "days 2025-11-01 to 2025-11-14, rows 7"),
        (None, None, 0, "days -, rows 0"),
        (None, None, None, None),
    ],
)
def test_a_run_says_what_it_published(first: str | None, last: str | None, rows: int | None, line: str | None) -> None:
    assert published({"first_date": first, "last_date": last, "rows_published": rows}) == line
