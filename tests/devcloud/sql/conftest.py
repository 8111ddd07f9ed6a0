"""A warehouse without tables for each test: its engine, which takes longest to make, is the worker's."""

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
