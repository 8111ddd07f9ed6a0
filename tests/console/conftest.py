"""Fixtures for tests of the console: browsers, and a tenant with known costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from shared.console.sessions import Sessions
from shared.runtime.seals import Seals
from tests.conftest import MakeFrontend
from tests.support.browser import Browser
from tests.support.frontend import Frontend
from tests.support.tenant_rows import charge, load, restatement

OpenBrowser = Callable[[], Browser]
LogInOperator = Callable[[Browser], Browser]
CANARY = '<script>alert("canary")</script>'
DAYS = {"from": "2024-03-01", "to": "2024-03-10"}
# Ten services in dollars, so that the table by day has a column for the others; one in euro.
ODD = "A;B=C\\D"
SERVICES = [f"Service {number}" for number in range(7)] + [ODD, CANARY, "Dearest"]


class KnownSecret:
    """A secret of one version."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def values(self) -> list[bytes]:
        return [self._value]

    renewed = values


def _charges() -> list[dict[str, object]]:
    rows = [
        charge(
            f"2024-03-{day:02}",
            ServiceName=name,
            BilledCost=f"{place}.{day:09}",
            EffectiveCost=f"{place}.5",
            SkuId=name,
        )
        for place, name in enumerate(SERVICES, start=1)
        for day in range(1, 11)
    ]
    return [
        *rows,
        charge("2024-03-02", ServiceName="Dearest", BilledCost="12345678901234567890.123456789", SkuId="huge"),
        charge("2024-03-03", ServiceName="Service 0", BilledCost="0.000000001", RegionId=CANARY),
        charge("2024-03-04", ServiceName="Refunds", BilledCost="-7.005", BillingCurrency="EUR", ProviderName=CANARY),
        charge("2024-02-25", ServiceName="Dearest", BilledCost="4"),
    ]


@pytest.fixture
def open_browser(cloud: Devcloud) -> Iterator[OpenBrowser]:
    """Opens browsers without a session."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(Browser(cloud.ready["gateway"]))


@pytest.fixture
def browser(open_browser: OpenBrowser) -> Browser:
    """A browser without a session."""
    return open_browser()


@pytest.fixture
def log_in_operator(cloud: Devcloud) -> LogInOperator:
    """Logs an operator in."""
    return lambda browser: browser.log_in_operator(cloud.ready["admin_key"])


@pytest.fixture(scope="module")
def sessions(cloud: Devcloud) -> Sessions:
    """Seals as the console does."""
    with cloud.clients() as clients:
        name = f"{cloud.cloud.secret('console_key')}/versions/current"
        secret = clients.secret_manager().access_secret_version(name=name).payload.data
    return Sessions(Seals(KnownSecret(secret)), 28_800)


@pytest.fixture(scope="module")
def spender(make_frontend: MakeFrontend, bigquery_client: bigquery.Client) -> Iterator[Frontend]:
    """A tenant with costs in two currencies, and a restated day."""
    frontend = make_frontend()
    frontend.store_keyless()
    for name in ("focus_cost", "focus_billing_period"):
        make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", name))
    load(bigquery_client, f"{frontend.tenant_id}.focus_cost", _charges())
    changed = {"usage_date": "2024-03-05", "cost_before": "2", "cost_after": "3.25", "source": CANARY}
    recent = "2099-01-01T00:00:00Z"  # restated within the last week, whenever this test runs
    load(bigquery_client, f"{frontend.tenant_id}.x_meta_restatements", [restatement(recent, **changed)])
    yield frontend
    frontend.api.session.close()


@pytest.fixture
def reader(spender: Frontend, browser: Browser) -> Browser:
    """A browser in which the tenant with costs has logged in."""
    return browser.log_in(spender.tenant.api_key)
