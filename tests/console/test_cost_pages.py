"""Costs and What changed: every figure is the API's, and every text is escaped."""

from __future__ import annotations

import re
from decimal import Decimal, localcontext
from html import escape
from typing import Any

import pytest

from shared.console.formats import amount
from tests.conftest import JobsOf, MakeFrontend
from tests.console.conftest import CANARY, DAYS, ODD, OpenBrowser
from tests.support.browser import Browser, figures_of
from tests.support.frontend import Frontend
from tests.support.tenant import Tenant


def answer_of(spender: Frontend, **query: str) -> dict[str, Any]:
    answer = spender.api.get(
        f"/api/v1/costs/{spender.tenant_id}", params={**DAYS, "compare": "previous_period", **query}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def numbers_of(page: str, table: str) -> list[list[Decimal]]:
    """The figures of a table, each of which is shown as it has to be."""
    rows = figures_of(page, table)
    for value, shown in (figure for row in rows for figure in row):
        assert shown.removeprefix("+") == amount(Decimal(value))
    return [[Decimal(value) for value, _ in row] for row in rows]


@pytest.mark.parametrize("metric", ["billed", "effective"])
@pytest.mark.parametrize("group_by", ["service", "region", "provider"])
def test_every_figure_is_that_of_the_api(spender: Frontend, reader: Browser, metric: str, group_by: str) -> None:
    page = reader.get("/console/costs", **DAYS, group_by=group_by, metric=metric).text
    blocks = answer_of(spender, group_by=group_by, metric=metric)["currencies"]
    assert (
        re.findall(r'data-currency="(\w+)"', page) == [block["billing_currency"] for block in blocks] == ["EUR", "USD"]
    )
    wanted = [
        [Decimal(sums["cost"]), Decimal(sums["previous_cost"])]
        for block in blocks
        for sums in (*block["groups"], block)
    ]
    assert numbers_of(page, "groups") == wanted


def test_the_table_by_day_has_the_dearest_services_and_the_others(spender: Frontend, reader: Browser) -> None:
    page = reader.get("/console/costs", **DAYS).text
    rows = numbers_of(page, "days")
    (_, dollars) = answer_of(spender)["currencies"]
    days = [f"2024-03-{day:02}" for day in range(1, 11)]
    by_day = [{period["period"]: Decimal(period["cost"]) for period in group["periods"]} for group in dollars["groups"]]
    with localcontext(prec=60):
        wanted = []
        for day in days:
            costs = [group.get(day, Decimal(0)) for group in by_day]
            wanted.append([*costs[:7], sum(costs[7:], Decimal(0)), sum(costs, Decimal(0))])
    assert rows[len(days) :] == wanted
    assert [len(row) for row in rows[: len(days)]] == [2] * len(days)  # the only service in euro, and the total


def test_costs_are_named_net_wherever_they_stand(reader: Browser) -> None:
    for metric, name in (("billed", "BilledCost"), ("effective", "EffectiveCost")):
        page = reader.get("/console/costs", **DAYS, metric=metric).text
        assert f"({name})" in page
        assert f"Net {metric} cost" in page


def test_a_restated_day_is_marked_and_listed_with_its_change(reader: Browser) -> None:
    page = reader.get("/console/costs", **DAYS).text
    assert re.findall(r'<time datetime="([-\d]+)">[^<]*</time> <a [^>]*data-restated="([\d.]+)"', page) == [
        ("2024-03-05", "1.25")
    ]
    assert numbers_of(reader.get("/console/changes").text, "restatements") == [
        [Decimal("1.25"), Decimal(2), Decimal("3.25")]
    ]


def test_a_service_leads_to_its_skus(reader: Browser) -> None:
    page = reader.get("/console/costs", **DAYS).text
    (path,) = re.findall(r'<a href="(/console/costs[^"]*)">Dearest</a>', page)
    finer = reader.get(path.replace("&amp;", "&")).text
    assert "Dearest</strong>" in finer
    assert [row[0] for row in numbers_of(finer, "groups")][:2] == [
        Decimal("12345678901234567890.123456789"),
        Decimal("100.000000055"),
    ]


def test_any_service_leads_to_its_own_page(reader: Browser) -> None:
    page = reader.get("/console/costs", **DAYS).text
    for name in (ODD, CANARY):
        shown = escape(name).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
        (path,) = re.findall(rf'<a href="(/console/costs[^"]*)">{re.escape(shown)}</a>', page)
        finer = reader.get(path.replace("&amp;", "&")).text
        assert f"<strong>{shown}</strong>" in finer
        assert len(numbers_of(finer, "groups")) == 2  # its only SKU, and the total


def test_an_address_may_group_by_a_tag(spender: Frontend, reader: Browser) -> None:
    page = reader.get("/console/costs", **DAYS, group_by="tag:team").text
    (euros, dollars) = answer_of(spender, group_by="tag:team")["currencies"]
    assert [row[0] for row in numbers_of(page, "groups")] == [
        Decimal(block["cost"]) for block in (euros, dollars) for _ in range(2)
    ]
    assert "No tag:team" in page


@pytest.mark.parametrize("group_by", ["service", "region", "provider", "sku"])
def test_a_name_with_markup_is_text(reader: Browser, group_by: str) -> None:
    page = reader.get("/console/costs", **DAYS, group_by=group_by).text
    assert CANARY not in page
    assert escape(CANARY, quote=False) in page.replace("&#34;", '"')


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/console/costs", {"filter": f"service:{CANARY}", "group_by": "sku"}),
        ("/console/costs", {"filter": CANARY}),
        ("/console/costs", {"group_by": CANARY}),
        ("/console/costs", {"metric": CANARY}),
        ("/console/costs", {"from": CANARY, "to": CANARY}),
        ("/console/costs", {"period": CANARY}),
        ("/console/changes", {"page_token": CANARY}),
        ("/console/changes", {}),
        ("/console/login", {"next": CANARY}),
        ("/console/link", {"token": CANARY}),
        (f"/console/{CANARY.replace('/', '')}", {}),
    ],
)
def test_a_parameter_with_markup_is_text(reader: Browser, path: str, query: dict[str, str]) -> None:
    page = reader.get(path, **({**DAYS, **query} if path == "/console/costs" else query))
    assert page.status_code < 500
    assert "<script>alert" not in page.text
    assert 'alert("canary")' not in page.text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"from": "2024-03-10", "to": "2024-03-01"}, "must not be before"),
        ({"from": "2023-01-01"}, "may cover 100 days at most"),
        ({"group_by": "colour"}, "must be one of"),
    ],
)
def test_a_question_that_cannot_be_answered_is_told_beside_the_form(
    reader: Browser, query: dict[str, str], told: str
) -> None:
    page = reader.get("/console/costs", **{**DAYS, **query})
    assert page.status_code == 400
    assert told in page.text
    assert "data-filters" in page.text


def test_a_page_takes_at_most_two_jobs_and_little_weight(reader: Browser, jobs_of: JobsOf) -> None:
    # SKUs are not in focus_cost_daily, which this tenant does not have.
    for path, query in (("/console/costs", {**DAYS, "group_by": "sku"}), ("/console/changes", {})):
        answer = reader.get(path, **query)
        assert len(jobs_of(answer.headers["X-Request-ID"])) == 2  # the proof of the key, and the figures
        assert len(answer.content) < 100_000
    assert jobs_of(reader.get("/console/login").headers["X-Request-ID"]) == []


def test_without_a_choice_the_latest_days_with_data_are_shown(reader: Browser) -> None:
    assert reader.get("/console/costs").headers["Location"] == "/console/costs/latest"
    found = reader.get("/console/costs/latest").headers["Location"]
    assert found == "/console/costs?period=custom&from=2024-02-10&to=2024-03-10"
    empty = reader.get("/console/costs", **{"from": "2024-01-01", "to": "2024-01-02"})
    assert "No costs in this period" in empty.text


def test_a_tenant_without_costs_is_told_what_to_do(browser: Browser, tenant: Tenant) -> None:
    browser.log_in(tenant.api_key)
    assert browser.get("/console/costs").headers["Location"] == "/console/costs/latest"
    page = browser.get("/console/costs/latest")
    assert page.status_code == 200
    assert "Connect a cloud." in page.text
    assert "Nothing has changed" in browser.get("/console/changes").text


def test_nothing_of_one_tenant_is_on_a_page_of_another(
    spender: Frontend, reader: Browser, open_browser: OpenBrowser, make_frontend: MakeFrontend
) -> None:
    other = make_frontend()
    other.store_keyless()
    stranger = open_browser().log_in(other.tenant.api_key)
    for path, query in (("/console/costs", DAYS), ("/console/changes", {})):
        page = stranger.get(path, **query).text
        assert spender.tenant_id not in page
        assert other.tenant_id in page
        assert figures_of(page, "groups") == figures_of(page, "restatements") == []
        assert spender.tenant_id in reader.get(path, **query).text
