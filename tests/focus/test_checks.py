"""The pipeline's own checks find every fault that the official FOCUS validator does not find."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.domain.templates.check_options import SqlCheck
from tests.support.focus.statements import TEMPLATE, Json, Statements, credit, fee, row

ROWS: list[Json] = [
    row(labels=[{"key": "empty", "value": ""}]),
    row(resource={"global_name": "vm-2"}, usage_start_time="2026-08-31T08:00:00Z", invoice={"month": "202608"}),
    row(resource={"global_name": "vm-3"}, credits=[credit("COMMITTED_USAGE_DISCOUNT", "-0.4")]),
    row(resource={"global_name": "vm-4"}, cost="0.7", consumption_model={"id": "M", "description": "Flexible CUDs"}),
    fee("cud", "0.3"),
    row(cost_type="tax", cost="0.1", sku=None, price=None, usage=None, cost_at_list=None),
]
FAULTS = [
    ("focus_prices", "ListUnitPrice = 2 WHERE ResourceId = 'vm-2'"),
    ("focus_prices", "ContractedCost = ContractedCost + NUMERIC '0.001' WHERE ResourceId = 'vm-2'"),
    ("focus_values_of_1_4", "EffectiveCost = 0 WHERE ChargeCategory = 'Tax'"),
    ("focus_values_of_1_4", "PricingUnit = 'Hours' WHERE ChargeCategory = 'Tax'"),
    ("focus_values_of_1_4", "SkuPriceId = NULL, ChargeClass = 'Correction' WHERE ResourceId = 'vm-2'"),
    ("focus_charge_periods", "ChargePeriodEnd = ChargePeriodStart WHERE ResourceId = 'vm-2'"),
    ("focus_charge_periods", "ChargePeriodEnd = TIMESTAMP '2020-01-01' WHERE ResourceId = 'vm-2'"),
    ("focus_billing_periods", "BillingPeriodStart = TIMESTAMP '2026-08-01' WHERE ResourceId = 'vm-2'"),
    ("focus_billing_periods", "BillingPeriodEnd = TIMESTAMP '2026-10-01 07:00:00' WHERE ResourceId = 'vm-2'"),
    ("focus_duplicates", "INSERT INTO {table} SELECT * FROM {table} WHERE ResourceId = 'vm-2'"),
    ("focus_commitments", "BilledCost = NUMERIC '0.1' WHERE CommitmentDiscountStatus = 'Used' AND ResourceId = 'vm-3'"),
    ("focus_commitments", "CommitmentDiscountStatus = NULL WHERE CommitmentDiscountStatus = 'Used'"),
    ("focus_commitments", "CommitmentDiscountStatus = 'Used' WHERE ResourceId = 'vm-2'"),
    ("focus_commitments", "PricingCategory = 'Committed' WHERE ResourceId = 'vm-2'"),
    ("focus_commitments", "CommitmentDiscountName = 'Default' WHERE CommitmentDiscountStatus = 'Used'"),
    ("focus_long_fees", "ChargePeriodEnd = TIMESTAMP '2026-10-01 07:00:00' WHERE ChargeCategory = 'Purchase'"),
    ("focus_utilization", "EffectiveCost = 0 WHERE CommitmentDiscountStatus = 'Used' AND ResourceId = 'vm-3'"),
    ("focus_utilization", "CommitmentDiscountStatus = 'Unused' WHERE ResourceId = 'vm-3'"),
    ("focus_capacity_reservations", "CapacityReservationStatus = 'Used' WHERE ResourceId = 'vm-2'"),
    ("focus_capacity_reservations", "CapacityReservationId = 'r' WHERE ResourceId = 'vm-2'"),
    ("focus_invoices", "InvoiceId = 'i' WHERE ResourceId = 'vm-3'"),
    ("focus_invoices", "InvoiceId = 'i' WHERE TRUE"),
    ("focus_empty_texts", "RegionId = '' WHERE ResourceId = 'vm-2'"),
    ("focus_empty_texts", "BillingAccountId = '' WHERE ResourceId = 'vm-2'"),
    ("focus_missing_values", "BilledCost = NULL WHERE ResourceId = 'vm-2'"),
    ("focus_missing_values", "ServiceCategory = NULL WHERE ResourceId = 'vm-2'"),
    ("focus_unknown_services", "ServiceName = 'Cloud Something' WHERE ResourceId = 'vm-2'"),
]


OF_THE_EXPORT = "unread_values"
OF_THE_TABLE = "other_exports"  # tests/e2e/execution/test_two_exports.py

# Fees and covered usage that do not belong together, so there is no utilization to check.
APART: list[Json] = [
    fee("c", "0.3", invoice={"month": "202610"}),
    row(credits=[credit("COMMITTED_USAGE_DISCOUNT", "-0.4")]),
    fee("v", "0.3", credits=[credit("FEE_UTILIZATION_OFFSET", "-0.1")], usage_start_time="2026-09-12T10:00:00Z"),
    fee("v", "0.3", usage_start_time="2026-09-12T11:00:00Z", usage_end_time="2026-09-12T12:00:00Z"),
    row(credits=[credit("COMMITTED_USAGE_DISCOUNT", "-0.4")], usage_start_time="2026-09-12T10:00:00Z"),
    fee("w", "0.3", usage_start_time="2026-09-13T10:00:00Z"),
    row(credits=[credit("COMMITTED_USAGE_DISCOUNT", "-0.4")], cost="0", usage_start_time="2026-09-13T10:00:00Z"),
]


@pytest.fixture(scope="module")
def extract(statements: Statements) -> str:
    """A staged export."""
    return statements.staged(ROWS)


@pytest.fixture(scope="module")
def sound(statements: Statements, extract: str) -> str:
    """A FOCUS table without a fault."""
    return statements.focus_table(extract)


def test_every_check_of_the_template_has_a_fault_that_it_finds() -> None:
    checks = {check.with_.query for check in TEMPLATE.checks if isinstance(check, SqlCheck)}
    assert checks == {check for check, _ in FAULTS} | {OF_THE_EXPORT, OF_THE_TABLE}


@pytest.mark.parametrize("share", ["0.333333333", "0.123456789", "0.77"])
@pytest.mark.parametrize("price", ["47676.5", "5096.2", "0.031611"])
def test_a_price_of_any_size_times_the_covered_quantity_is_its_cost(
    statements: Statements, price: str, share: str
) -> None:
    covered = f"{-Decimal(price) * Decimal(share):.6f}"
    line = row(
        currency="IDR",
        currency_conversion_rate=16250.0,
        cost=price,
        cost_at_list=price,
        price={"effective_price": price, "list_price": price},
        credits=[credit("COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", covered)],
    )
    extract = statements.staged([line])
    table = statements.focus_table(extract)
    assert statements.failing("focus_prices", table, extract) == []
    prices = statements.values(table, "ListUnitPrice")
    assert prices == [Decimal(price), Decimal(price)], "both parts have the export's price"
    wrong = statements.planted(table, "ListCost = ListCost * NUMERIC '1.001' WHERE CommitmentDiscountStatus = 'Used'")
    assert statements.failing("focus_prices", wrong, extract)


@pytest.mark.parametrize("check", sorted({check for check, _ in FAULTS}))
def test_sound_rows_pass(statements: Statements, extract: str, sound: str, check: str) -> None:
    assert statements.failing(check, sound, extract) == []


@pytest.mark.parametrize(("check", "fault"), FAULTS)
def test_fault_is_found(statements: Statements, extract: str, sound: str, check: str, fault: str) -> None:
    assert statements.failing(check, statements.planted(sound, fault), extract)


def test_fees_do_not_pay_for_usage_of_other_commitments(statements: Statements) -> None:
    apart = statements.staged(APART)
    assert statements.failing("focus_utilization", statements.focus_table(apart), apart) == []


def test_values_that_count_as_missing_are_named(statements: Statements) -> None:
    read: list[Json] = [{}, {"invoice": None}, {"invoice": {"month": ""}}, {"currency_conversion_rate": None}]
    unread: list[Json] = [
        {"invoice": {"month": "202613"}},
        {"invoice": {"month": "soon"}},
        {"invoice": {"month": "20261"}},
        {"invoice": {"month": "000001"}},
        {"invoice": {"month": "999912"}},
        {"currency_conversion_rate": 0.0},
        {"currency_conversion_rate": 4e-10},
        {"currency_conversion_rate": 1e28},
        {"currency_conversion_rate": -1.5},
    ]
    extract = statements.staged([row(**change) for change in [*read, *unread]])
    focus = statements.focus_table(extract)
    found = statements.failing(OF_THE_EXPORT, focus, extract)
    assert sorted((line["invoice_month"], line["currency_conversion_rate"]) for line in found) == [
        ("000001", 1), ("202609", -1.5), ("202609", 0), ("202609", 4e-10), ("202609", 1e28), ("20261", 1),
        ("202613", 1), ("999912", 1), ("soon", 1),
    ]  # fmt: skip
    assert statements.months(focus) == {"2026-09-01": len(read) + len(unread)}


def test_unknown_service_is_named(statements: Statements, extract: str, sound: str) -> None:
    table = statements.planted(sound, "ServiceName = 'Cloud Something' WHERE ResourceId = 'vm-2'")
    [found] = statements.failing("focus_unknown_services", table, extract)
    assert (found["ServiceName"], found["billed_cost"]) == ("Cloud Something", 1)
