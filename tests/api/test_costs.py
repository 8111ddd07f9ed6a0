"""GET costs: every sum equals the sum over the rows of focus_cost, to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from tests.conftest import JobsOf, MakeFrontend
from tests.support.frontend import Frontend
from tests.support.tenant_rows import charge, load, restatement

DAY = date(2025, 11, 15)
NOVEMBER: dict[str, Any] = {"from": "2025-11-01", "to": "2025-11-30"}


@dataclass(frozen=True)
class Charge:
    """The columns of a row of focus_cost that a test sets."""

    day: date
    service: str
    cost: str
    currency: str = "USD"
    region: str | None = None
    team: str | None = None
    provider: str = "Google Cloud"
    source: str = "gcp"


CHARGES = (
    Charge(DAY - timedelta(days=2), "BigQuery", "7"),
    Charge(DAY, "BigQuery", "0.000000001", team="data"),
    Charge(DAY, "BigQuery", "1.5", region="us-central1"),
    Charge(DAY + timedelta(days=1), "BigQuery", "-0.25", team="data"),
    Charge(DAY, "Compute Engine", "12345678901234567890.123456789"),
    Charge(DAY + timedelta(days=1), "Storage", "0.5", provider="AWS", source="aws"),
    Charge(DAY + timedelta(days=20), "Storage", "0.125", team="core"),
    Charge(DAY, "BigQuery", "3", currency="EUR", source="gcp-in-euro"),
)


def _row(charged: Charge) -> dict[str, Any]:
    return charge(
        charged.day.isoformat(),
        BilledCost=charged.cost,
        BillingCurrency=charged.currency,
        ServiceName=charged.service,
        ProviderName=charged.provider,
        x_source=charged.source,
        RegionId=charged.region,
        Tags={"team": charged.team} if charged.team else {},
    )


def _period(source: str, month: int, status: str) -> dict[str, Any]:
    kinds = {"STRING": "x", "TIMESTAMP": "2025-12-01T00:00:00Z"}
    columns = get_table("tenant_dataset", "focus_billing_period").columns
    required = {column.name: kinds[column.type] for column in columns if column.mode == "REQUIRED"}
    start, end = f"2025-{month:02}-01T00:00:00Z", f"2025-{month + 1:02}-01T00:00:00Z"
    facts = {"BillingPeriodStart": start, "BillingPeriodEnd": end, "BillingPeriodStatus": status}
    return required | facts | {"x_source": source}


@pytest.fixture(scope="module")
def spender(make_frontend: MakeFrontend, bigquery_client: bigquery.Client) -> Iterator[Frontend]:
    """A tenant whose focus_cost has CHARGES."""
    frontend = make_frontend()
    frontend.store_keyless()
    assert ask(frontend, top=9)["currencies"] == []  # set up, and nothing has run
    make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", "focus_cost"))
    table = f"{frontend.tenant_id}.focus_cost"
    load(bigquery_client, table, [_row(charged) for charged in CHARGES])
    without_periods = ask(frontend, top=8)
    assert without_periods["currencies"] != []
    assert without_periods["final_through"] == {"AWS": None, "Google Cloud": None}
    make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", "focus_billing_period"))
    yield frontend
    frontend.api.session.close()


def path_of(frontend: Frontend) -> str:
    return f"/api/v1/costs/{frontend.tenant_id}"


def ask(frontend: Frontend, first: date = DAY, last: date = DAY + timedelta(days=30), **query: Any) -> dict[str, Any]:
    answer = frontend.api.get(path_of(frontend), params={"from": first.isoformat(), "to": last.isoformat(), **query})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def sum_of(amounts: list[Decimal]) -> Decimal:
    with localcontext(prec=60):
        return sum(amounts, Decimal(0))


def block_of(answer: dict[str, Any], currency: str = "USD") -> dict[str, Any]:
    (block,) = (block for block in answer["currencies"] if block["billing_currency"] == currency)
    found: dict[str, Any] = block
    return found


def groups_of(answer: dict[str, Any]) -> dict[str | None, str]:
    return {group["name"]: group["cost"] for group in block_of(answer)["groups"]}


def test_each_currency_has_its_own_block_and_every_digit(spender: Frontend) -> None:
    answer = ask(spender)
    assert [block["billing_currency"] for block in answer["currencies"]] == ["EUR", "USD"]
    in_dollars = [Decimal(charged.cost) for charged in CHARGES if charged.currency == "USD" and charged.day >= DAY]
    assert [Decimal(block["cost"]) for block in answer["currencies"]] == [Decimal(3), sum_of(in_dollars)]
    assert list(groups_of(answer).items()) == [  # the highest cost first
        ("Compute Engine", "12345678901234567890.123456789"),
        ("BigQuery", "1.250000001"),
        ("Storage", "0.625"),
    ]


@pytest.mark.parametrize(
    ("granularity", "periods"),
    [
        ("day", [("2025-11-16", "0.5"), ("2025-12-05", "0.125")]),
        ("month", [("2025-11-01", "0.5"), ("2025-12-01", "0.125")]),
        ("total", [("2025-11-15", "0.625")]),
    ],
)
def test_a_group_has_its_periods_in_order(spender: Frontend, granularity: str, periods: list[Any]) -> None:
    (block,) = ask(spender, granularity=granularity, filter="service:Storage")["currencies"]
    (group,) = block["groups"]
    assert [(period["period"], period["cost"]) for period in group["periods"]] == periods


def test_the_first_and_the_last_day_are_included(spender: Frontend) -> None:
    assert groups_of(ask(spender, DAY, DAY))["BigQuery"] == "1.500000001"
    assert groups_of(ask(spender, DAY - timedelta(days=2), DAY))["BigQuery"] == "8.500000001"


def test_costs_are_grouped_by_any_column_and_by_tag(spender: Frontend) -> None:
    only: dict[str, Any] = {"filter": "service:BigQuery"}
    assert groups_of(ask(spender, group_by="region", **only)) == {"us-central1": "1.5", None: "-0.249999999"}
    assert groups_of(ask(spender, group_by="tag:team", **only)) == {None: "1.5", "data": "-0.249999999"}
    assert groups_of(ask(spender, group_by="tag:te\"am'", **only)) == {None: "1.250000001"}


@pytest.mark.parametrize(
    ("only", "services"),
    [
        ("service:BigQuery;service:Storage", {"BigQuery": "1.250000001", "Storage": "0.625"}),
        ("service:BigQuery;region:us-central1", {"BigQuery": "1.5"}),
        ("service:BigQuery;region:", {"BigQuery": "-0.249999999"}),
        ("tag:team=data;tag:team=core", {"BigQuery": "-0.249999999", "Storage": "0.125"}),
        ("tag:team=;provider:AWS", {"Storage": "0.5"}),
    ],
)
def test_a_filter_has_alternatives_and_conditions_that_all_hold(
    spender: Frontend, only: str, services: dict[str, str]
) -> None:
    assert groups_of(ask(spender, filter=only)) == services


def test_groups_beyond_the_top_are_added_up_in_one_group(spender: Frontend) -> None:
    block = block_of(ask(spender, top=1))
    assert [(group["name"], group["is_rest"], group["cost"]) for group in block["groups"]] == [
        ("Compute Engine", False, "12345678901234567890.123456789"),
        (None, True, "1.875000001"),
    ]


def test_the_period_before_is_added_up_too(spender: Frontend) -> None:
    two_days = ask(spender, DAY, DAY + timedelta(days=1), compare="previous_period", filter="service:BigQuery")
    block = block_of(two_days)
    assert (block["cost"], block["previous_cost"]) == ("1.250000001", "7")


def test_the_answer_says_how_far_the_data_reaches(spender: Frontend) -> None:
    assert ask(spender)["data_through"] == {"AWS": "2025-11-16", "Google Cloud": "2025-12-05"}


def test_the_answer_says_which_days_are_final(spender: Frontend, bigquery_client: bigquery.Client) -> None:
    periods = [
        _period("gcp", 9, "Closed"),
        _period("gcp", 10, "Closed"),
        _period("gcp", 11, "Open"),
        _period("gcp-in-euro", 9, "Closed"),
        _period("gcp-in-euro", 10, "Open"),
        _period("gcp-in-euro", 11, "Closed"),  # final by itself, but a period before it is not
        _period("aws", 10, "Closed"),
    ]
    load(bigquery_client, f"{spender.tenant_id}.focus_billing_period", periods)
    assert ask(spender, top=7)["final_through"] == {"AWS": "2025-10-31", "Google Cloud": "2025-09-30"}
    load(bigquery_client, f"{spender.tenant_id}.focus_billing_period", [_period("aws", 8, "Open")])
    assert ask(spender, top=6)["final_through"] == {"AWS": None, "Google Cloud": "2025-09-30"}


def test_days_that_changed_since_a_moment_are_named(spender: Frontend, bigquery_client: bigquery.Client) -> None:
    table = f"{spender.tenant_id}.x_meta_restatements"
    changes = [
        restatement("2025-11-20T00:00:00Z", cost_before="1", cost_after="9"),  # at the moment itself: not counted
        restatement("2025-11-21T00:00:00Z", cost_before="9", cost_after="8.5"),
        restatement("2025-11-22T00:00:00Z", cost_before=None, cost_after="1"),
        restatement("2025-11-22T00:00:00Z", cost_after="1", table_name="gcp_cost_billing"),
        restatement("2025-11-23T00:00:00Z", cost_before="1", cost_after="1", usage_date="2025-11-16"),  # as before
    ]
    load(bigquery_client, table, changes)
    found = ask(spender, restated_since="2025-11-20T00:00:00Z")["restated"]
    assert found == [
        {
            "usage_date": "2025-11-15",
            "billing_currency": "USD",
            "billed_cost_change": "0.5",
            "restated_at": "2025-11-22T00:00:00Z",
        }
    ]
    assert ask(spender)["restated"] == []


def test_costs_as_csv_have_a_row_for_each_group_and_period(spender: Frontend) -> None:
    query = {"from": "2025-11-15", "to": "2025-11-16", "group_by": "tag:team", "filter": "service:BigQuery"}
    answer = spender.api.get(path_of(spender), params=query, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.text.splitlines() == [
        "billing_currency,tag:team,is_rest,period,cost",
        "EUR,,false,2025-11-15,3",
        "USD,,false,2025-11-15,1.5",
        "USD,data,false,2025-11-15,0.000000001",
        "USD,data,false,2025-11-16,-0.25",
    ]
    preferred = spender.api.get(path_of(spender), params=query, headers={"Accept": "text/csv;q=0.5, application/json"})
    assert preferred.json()["currencies"] != []


def test_an_error_is_a_problem_document_for_those_who_accept_only_csv(spender: Frontend) -> None:
    answer = spender.api.get(path_of(spender), headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


def test_a_request_takes_at_most_two_jobs_and_none_when_it_is_repeated(spender: Frontend, jobs_of: JobsOf) -> None:
    query, path = NOVEMBER | {"group_by": "charge_category"}, path_of(spender)
    first, again = (spender.api.get(path, params=query) for _ in range(2))
    assert first.json() == again.json()
    assert 1 <= len(jobs_of(first.headers["X-Request-ID"])) <= 2
    assert jobs_of(again.headers["X-Request-ID"]) == []


def test_tenant_without_a_dataset_has_no_costs(frontend: Frontend) -> None:
    answer = ask(frontend)
    assert (answer["currencies"], answer["data_through"]) == ([], {})


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"from": None}, "from: is missing"),
        ({"from": "1763164800"}, "from: must be a day as YYYY-MM-DD"),
        ({"from": "2025-12-01"}, "to: must not be before `from`"),
        ({"from": "2025-01-01"}, "to: with granularity day a request may cover 100 days"),
        ({"group_by": "colour"}, "group_by: must be one of service, category"),
        ({"group_by": "tag:"}, "group_by: must be one of"),
        ({"filter": "service"}, "filter: must be one of"),
        ({"metric": "net"}, "metric: must be 'billed', 'effective', 'contracted' or 'list'"),
        ({"colour": "red"}, "colour: is unknown; remove it or correct its name"),
        ({"top": "0"}, "top: must be at least 1"),
        ({"restated_since": "2025-11-20T00:00:00"}, "restated_since: "),
        ({"restated_since": "0001-01-01T00:00:00+14:00"}, "restated_since: must be at least 2000"),
        ({"restated_since": "9999-12-31T23:59:59-14:00"}, "restated_since: must be at most 2999"),
        ({"from": "0001-01-01", "to": "0001-01-02", "compare": "previous_period"}, "from: must be at least 2000"),
        ({"from": "9999-12-31", "to": "9999-12-31"}, "to: must be at most 2999"),
    ],
)
def test_an_invalid_request_for_costs_is_refused_with_the_field(
    spender: Frontend, query: dict[str, Any], says: str
) -> None:
    answer = spender.api.get(path_of(spender), params=NOVEMBER | query)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_another_tenants_key_is_refused(spender: Frontend, frontend: Frontend) -> None:
    assert frontend.api.get(path_of(spender), params=NOVEMBER).status_code == 403


def test_costs_are_not_shown_without_a_key(spender: Frontend) -> None:
    assert spender.api.get(path_of(spender), params=NOVEMBER, headers={"X-API-Key": None}).status_code == 401
