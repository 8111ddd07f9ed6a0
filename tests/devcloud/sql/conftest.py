"""An empty warehouse for each test. Its engine, which is slow to create, is shared by the worker."""

from __future__ import annotations

import pytest

from tests.support.devcloud.warehouse import Warehouse


@pytest.fixture(scope="session")
def shared_warehouse() -> Warehouse:
    return Warehouse()


@pytest.fixture
def warehouse(shared_warehouse: Warehouse) -> Warehouse:
    shared_warehouse.clear()
    return shared_warehouse
