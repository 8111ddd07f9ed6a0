"""Commands replace characters that a terminal cannot show."""

from __future__ import annotations

import io
import sys

import pytest

from shared.runtime.terminal import replace_what_cannot_be_shown


def test_a_character_that_the_terminal_lacks_is_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1", write_through=True))
    replace_what_cannot_be_shown()
    print("Zürich ██ 5 €", end="")
    assert written.getvalue().decode("latin-1") == "Zürich ?? 5 ?"
