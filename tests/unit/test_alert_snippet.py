"""The Python code that docs/alerts.md gives to receivers accepts our messages, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.alert_snippets import CASES, snippet


@pytest.mark.parametrize("case", CASES)
def test_the_python_of_the_document_tells_our_messages_from_others(case: str) -> None:
    names: dict[str, Any] = {}
    exec(snippet("python"), names)  # noqa: S102 - the document is part of the project
    secret, headers, body, now, is_ours = CASES[case]
    assert names["is_ours"](secret, headers, body, now) is is_ours
