"""Exchange rates: a tenant sets its own by month, and costs are converted with them to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from tests.conftest import MakeFrontend
from tests.support.frontend import Frontend
from tests.support.tenant_rows import charge, load

AUTUMN: dict[str, Any] = {"from": "2025-10-01", "to": "2025-11-30", "granularity": "total", "currency": "EUR"}
CHARGES = [
    ("2025-10-31", "Compute", "0.000000001", "USD"),
    ("2025-10-31", "Storage", "1.1", "USD"),
    ("2025-11-01", "Storage", "2", "USD"),
    ("2025-11-02", "Storage", "1000", "JPY"),
    ("2025-11-02", "Compute", "5", "EUR"),
]


@pytest.fixture(scope="module")
def spender(make_frontend: MakeFrontend, bigquery_client: bigquery.Client) -> Iterator[Frontend]:
    """A tenant with costs in three currencies."""
    frontend = make_frontend()
    assert frontend.api.put(path_of(frontend, "2025-10"), {"currency": "EUR", "rates": {"USD": "1"}}).status_code == 409
    frontend.store_keyless()
    for table in ("focus_cost", "focus_billing_period"):
        make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", table))
    rows = [
        charge(day, ServiceName=service, BilledCost=cost, BillingCurrency=currency)
        for day, service, cost, currency in CHARGES
    ]
    load(bigquery_client, f"{frontend.tenant_id}.focus_cost", rows)
    yield frontend
    frontend.api.session.close()


def path_of(frontend: Frontend, month: str = "") -> str:
    return f"/api/v1/costs/{frontend.tenant_id}/rates{'/' * bool(month)}{month}"


def costs_of(frontend: Frontend, **query: Any) -> Any:
    return frontend.api.get(f"/api/v1/costs/{frontend.tenant_id}", params=AUTUMN | query)


def test_costs_are_converted_by_the_rate_of_their_month(spender: Frontend) -> None:
    missing = costs_of(spender)
    assert missing.status_code == 400
    assert "needs the rate from" in missing.json()["detail"]
    october = {"currency": "EUR", "rates": {"USD": "0.123456789"}}
    november = {"currency": "EUR", "rates": {"USD": "0.5", "JPY": "0.006"}}
    assert spender.api.put(path_of(spender, "2025-10"), october).json() == {"month": "2025-10", **october}
    half = costs_of(spender, top=7)
    assert half.status_code == 400
    assert " to EUR of 2025-11; PUT .../rates/2025-11 sets it" in half.json()["detail"]
    assert spender.api.put(path_of(spender, "2025-11"), november).status_code == 200

    answer = costs_of(spender, top=8).json()
    (block,) = answer["currencies"]
    assert (answer["currency"], block["billing_currency"]) == ("EUR", "EUR")
    sums = {group["name"]: group["cost"] for group in block["groups"]}
    assert {name: Decimal(cost) for name, cost in sums.items()} == {
        "Storage": Decimal("1.1") * Decimal("0.123456789") + 1 + 6,
        "Compute": Decimal("0.000000001") * Decimal("0.123456789") + 5,
    }
    assert list(sums) == ["Storage", "Compute"]  # ranked over all currencies
    assert Decimal(block["cost"]) == sum(map(Decimal, sums.values()))
    months = costs_of(spender, granularity="month", group_by="provider").json()["currencies"][0]["groups"][0]["periods"]
    assert [period["period"] for period in months] == ["2025-10-01", "2025-11-01"]
    before = costs_of(spender, **{"from": "2025-11-01", "to": "2025-11-30", "compare": "previous_period", "top": 9})
    (compared,) = before.json()["currencies"]
    assert Decimal(compared["previous_cost"]) == Decimal("1.100000001") * Decimal("0.123456789")
    assert costs_of(spender, currency="JPY").status_code == 400  # rates lead one way


def test_a_rate_of_a_past_month_stays_and_that_of_this_month_can_change(make_frontend: MakeFrontend) -> None:
    frontend = make_frontend()
    frontend.store_keyless()
    body = {"currency": "EUR", "rates": {"USD": "0.9"}}
    for _ in range(2):  # a repeated request changes nothing
        assert frontend.api.put(path_of(frontend, "2025-10"), body, headers={"X-User-ID": "u"}).status_code == 200
    changed = {"currency": "EUR", "rates": {"GBP": "1.1", "USD": "0.8"}}
    refused = frontend.api.put(path_of(frontend, "2025-10"), changed)
    assert (refused.status_code, "2025-10 has ended" in refused.json()["detail"]) == (409, True)
    (rate,) = frontend.api.get(path_of(frontend)).json()["rates"]
    assert rate | {"updated_at": ""} == {
        "month": "2025-10", "from_currency": "USD", "to_currency": "EUR", "rate": "0.9", "updated_at": "",
        "updated_by_user_id": "u",
    }  # fmt: skip
    later = f"{datetime.now(UTC).year + 1}-01"
    for value in ("0.9", "0.8"):
        set_ = frontend.api.put(path_of(frontend, later), {"currency": "EUR", "rates": {"USD": value}})
        assert set_.status_code == 200
    assert [rate["rate"] for rate in frontend.api.get(path_of(frontend)).json()["rates"]] == ["0.8", "0.9"]


@pytest.mark.parametrize(
    ("month", "body", "says"),
    [
        ("2025-13", {"currency": "EUR", "rates": {"USD": "1"}}, "month: must be a month as YYYY-MM"),
        ("2025-10", {"currency": "eur", "rates": {"USD": "1"}}, "currency: must be three capital letters"),
        ("2025-10", {"currency": "EUR", "rates": {}}, "rates: "),
        ("2025-10", {"currency": "EUR", "rates": {"USD": 1.5}}, "must be a decimal number above 0 as a string"),
        ("2025-10", {"currency": "EUR", "rates": {"USD": "0.0"}}, "must be a decimal number above 0 as a string"),
        ("2025-10", {"currency": "EUR", "rates": {"USD": "1e3"}}, "must be a decimal number above 0 as a string"),
        ("2025-10", {"currency": "EUR", "rates": {"EUR": "1"}}, "a currency needs no rate to itself"),
    ],
)
def test_invalid_rates_are_refused_with_the_field(spender: Frontend, month: str, body: Any, says: str) -> None:
    answer = spender.api.put(path_of(spender, month), body)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_another_tenants_key_is_refused(spender: Frontend, frontend: Frontend) -> None:
    assert frontend.api.get(path_of(spender)).status_code == 403
    assert frontend.api.put(path_of(spender, "2025-10"), {}).status_code == 403


def test_tenant_without_a_dataset_has_no_rates(frontend: Frontend) -> None:
    assert frontend.api.get(path_of(frontend)).json() == {"rates": []}
