"""A browser for the tests of pages and of the TypeScript client, and what a page did that it should not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.chromium import opened_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a worker. Each test opens a context of its own, which shares nothing."""
    with opened_browser() as started:
        yield started
