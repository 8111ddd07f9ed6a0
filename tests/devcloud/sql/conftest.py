"""A warehouse per test."""

from __future__ import annotations

import pytest

from tests.support.devcloud.warehouse import Warehouse


@pytest.fixture
def warehouse() -> Warehouse:
    return Warehouse()
