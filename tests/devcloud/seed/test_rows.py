from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from devcloud.seed_billing.export import load_schema
from devcloud.seed_billing.rows import Generator, Plan, Row
from devcloud.seed_billing.truth import Truth

PLAN = Plan(seed=11, start=date(2025, 10, 25), days=14, rows_per_day=150)
SHARED_SCHEMA = Path(__file__).resolve().parents[4] / "shared" / "data" / "gcp_billing_export_schema.json"


def rows_of(plan: Plan) -> list[Row]:
    return [row for _, rows in Generator(plan).days() for row in rows]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return rows_of(PLAN)


@pytest.fixture(scope="module")
def contents(rows: list[Row]) -> list[dict[str, Any]]:
    return [json.loads(row.text) for row in rows]


def test_the_same_plan_gives_the_same_bytes(rows: list[Row]) -> None:
    assert [row.text for row in rows_of(PLAN)] == [row.text for row in rows]


def test_another_seed_gives_another_organisation(rows: list[Row]) -> None:
    other = rows_of(Plan(seed=12, start=PLAN.start, days=1, rows_per_day=10))
    assert json.loads(other[0].text)["billing_account_id"] != json.loads(rows[0].text)["billing_account_id"]


def test_every_day_of_the_range_has_rows_and_no_other_day_has(rows: list[Row]) -> None:
    counts = Counter(row.usage_date for row in rows)
    assert set(counts) == {PLAN.start + timedelta(days=number) for number in range(PLAN.days)}
    assert min(counts.values()) >= PLAN.rows_per_day


def test_no_row_is_exported_before_the_day_that_caused_it() -> None:
    for day, rows in Generator(PLAN).days():
        assert all(day <= row.exported_on <= PLAN.end for row in rows)


def test_a_rows_fields_agree_with_its_text(rows: list[Row], contents: list[dict[str, Any]]) -> None:
    for row, content in zip(rows, contents, strict=True):
        assert row.cost == Decimal(str(content["cost"]))
        assert row.credit == sum((Decimal(str(item["amount"])) for item in content["credits"]), Decimal(0))
        assert content["usage_start_time"].startswith(str(row.usage_date))
        assert content["export_time"].startswith(str(row.exported_on))
        assert content["invoice"]["month"] == row.invoice_month


def test_cost_is_price_times_quantity_and_fits_a_numeric(contents: list[dict[str, Any]]) -> None:
    priced = [content for content in contents if "price" in content]
    assert priced
    for content in priced:
        cost = Decimal(content["price"]["effective_price"]) * Decimal(str(content["usage"]["amount_in_pricing_units"]))
        assert cost == Decimal(str(content["cost"]))
        assert cost == cost.quantize(Decimal("1e-9"))


def test_credits_never_exceed_the_cost(rows: list[Row]) -> None:
    assert all(-row.credit <= row.cost for row in rows if row.cost > 0)


def test_the_invoice_month_is_a_pacific_one(contents: list[dict[str, Any]]) -> None:
    pacific = ZoneInfo("America/Los_Angeles")
    usage = [content for content in contents if "adjustment_info" not in content]
    months = [
        datetime.fromisoformat(content["usage_start_time"]).astimezone(pacific).strftime("%Y%m") for content in usage
    ]
    assert months == [content["invoice"]["month"] for content in usage]
    assert any(
        content["usage_start_time"].startswith("2025-11-01") and content["invoice"]["month"] == "202510"
        for content in usage
    )


def test_an_invoice_with_tax_and_rounding_is_a_whole_number_of_cents(contents: list[dict[str, Any]]) -> None:
    truth = Truth()
    for row in rows_of(PLAN):
        truth.add(row)
    last = truth.to_json()["invoice_months"]["202511"]["total"]
    assert Decimal(last) == Decimal(last).quantize(Decimal("0.01"))
    assert {content["cost_type"] for content in contents} == {"regular", "tax", "adjustment", "rounding_error"}


def test_the_export_has_the_unusual_rows_of_real_exports(rows: list[Row], contents: list[dict[str, Any]]) -> None:
    types = {credit["type"] for content in contents for credit in content["credits"]}
    assert types >= {"COMMITTED_USAGE_DISCOUNT", "SUSTAINED_USAGE_DISCOUNT", "FREE_TIER", "FEE_UTILIZATION_OFFSET"}
    assert any("project" not in content for content in contents), "rows without a project"
    assert any(len(content["credits"]) > 1 for content in contents), "several credits on a row"
    assert any(content["transaction_type"] != "GOOGLE" for content in contents if "transaction_type" in content)
    corrections = [row for row, content in zip(rows, contents, strict=True) if "adjustment_info" in content]
    assert any(row.cost < 0 and row.exported_on > row.usage_date for row in corrections), "corrections"
    assert any(row.exported_on - row.usage_date >= timedelta(days=2) for row in rows), "late rows"
    services = {content["service"]["description"] for content in contents}
    assert len(services) > 20


def test_a_row_has_no_field_that_the_schema_does_not_have(contents: list[dict[str, Any]]) -> None:
    def check(value: dict[str, Any], fields: list[dict[str, Any]], path: str) -> None:
        known = {field["name"]: field for field in fields}
        assert value.keys() <= known.keys(), path
        for name, content in value.items():
            for item in content if isinstance(content, list) else [content]:
                if isinstance(item, dict):
                    check(item, known[name]["fields"], f"{path}.{name}")

    for content in contents:
        check(content, load_schema(), "row")


@pytest.mark.skipif(not SHARED_SCHEMA.exists(), reason="the reference schema lies outside the repository")
def test_the_schema_is_the_documented_one() -> None:
    def columns(fields: list[dict[str, Any]], prefix: str = "") -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for field in fields:
            name = prefix + field["name"]
            found[name] = field["type"], field.get("mode", "NULLABLE")
            found |= columns(field.get("fields", []), f"{name}.")
        return found

    reference = json.loads(SHARED_SCHEMA.read_text(encoding="utf-8"))["gcp_billing_export_resource_v1"]
    assert columns(load_schema()) == columns(reference)


def test_the_expected_sums_agree_with_each_other(rows: list[Row]) -> None:
    truth = Truth()
    for row in rows:
        truth.add(row)
    said = truth.to_json()
    for group in ("invoice_months", "usage_dates"):
        for field in ("cost", "credits", "total"):
            assert sum(Decimal(sums[field]) for sums in said[group].values()) == Decimal(said[field])
    assert said["rows"] == len(rows)
    assert said["total"] == f"{sum((row.cost + row.credit for row in rows), Decimal(0)).normalize():f}"
