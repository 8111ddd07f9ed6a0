"""Every function answers paths that the framework would otherwise answer with its own page."""

from __future__ import annotations

from collections.abc import Iterator

import functions_framework
import pytest

from shared.configuration.platform_config import get_platform
from shared.configuration.settings import get_settings
from tests.support.shell_blocks import ROOT

_CONTENT_TYPES = {"json": "application/problem+json", "pages": "text/html; charset=utf-8"}


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PROJECT_ID", "p")
    monkeypatch.setenv("BIGQUERY_LOCATION", "US")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.parametrize("function", get_platform().functions)
def test_a_path_that_the_framework_refuses_gets_the_functions_own_answer_too(function: str) -> None:
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]
        function, str(ROOT / "functions" / function / "main.py")
    )
    client = app.test_client()
    answers = get_platform().functions[function].answers
    for path in ("/api/v1/nothing%0A", "/%0A", "/favicon.ico", "/robots.txt", "/nothing"):
        answer = client.get(path, headers={"X-Request-ID": "asked-1"})
        assert (answer.status_code, answer.content_type) == (404, _CONTENT_TYPES[answers]), path
        assert answer.headers["X-Request-ID"] == "asked-1"
