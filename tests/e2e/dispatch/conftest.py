"""Fixtures of the dispatcher's tests."""

from __future__ import annotations

import pytest

from tests.support.dispatching import Dispatching


@pytest.fixture
def tenant_id(dispatching: Dispatching) -> str:
    """A tenant with a daily limit of 10 and a concurrent limit of 2."""
    return dispatching.onboard()
