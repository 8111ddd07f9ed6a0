"""A commitment moves to Google's 2025 model in the middle of a month, and another one never does."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.templates.check_options import SqlCheck
from tests.support.focus.statements import TEMPLATE, Json, Statements, credit, fee, row

SPEND = "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"
MODEL = {"id": "D97B-0795-975B", "description": "Compute Flexible CUD - 1 Year"}
OLD_SKU = {"sku": {"id": "OLD-FEE", "description": "Commitment - dollar based v1: GCE for 1 year"}}
NEW_SKU = {"sku": {"id": "NEW-FEE", "description": "Commitment - dollar based v1: GCE for 1 year"}}
SWITCHED, KEPT = "flexible-1", "cpu-1"
BEFORE, AFTER = range(13, 15), range(15, 18)  # days of September
FIRST_HOUR = 3  # of the switch's day, the last one in the older model


def hour(day: int, number: int) -> Json:
    start = f"2026-09-{day:02d}T{number:02d}:00:00Z"
    return {"usage_start_time": start, "usage_end_time": start.replace(":00:00Z", ":59:59Z")}


def in_old_model(day: int, number: int) -> list[Json]:
    """An hour of $1 at list price, which a fee of $0.70 covers; the usage names its commitment."""
    named = {"subscription": {"instance_id": SWITCHED}}
    covering = [credit(SPEND, "-1")]
    when: Any = hour(day, number)
    return [
        fee(SWITCHED, "0.7", **OLD_SKU, **when),
        row(cost="1", cost_at_list="1", price=None, credits=covering, **named, **when),
    ]


def in_new_model(day: int, number: int) -> list[Json]:
    """The same hour: the usage costs its lower price, and the fee is offset by what was used."""
    when: Any = hour(day, number)
    return [
        fee(SWITCHED, "0.7", credits=[credit("FEE_UTILIZATION_OFFSET", "-0.5")], **NEW_SKU, **when),
        row(cost="0.5", consumption_model=MODEL, subscription={"instance_id": SWITCHED}, price=None, **when),
    ]


def of_the_other(day: int) -> list[Json]:
    """A resource-based commitment, which stays in the older model."""
    when: Any = hour(day, 12)
    covering = [credit("COMMITTED_USAGE_DISCOUNT", "-2")]
    named = {"subscription": {"instance_id": KEPT}}
    return [
        fee(KEPT, "0.6", **when),
        row(cost="2", cost_at_list="2", price=None, credits=covering, **named, **when),
    ]


def exported(days: range) -> list[Json]:
    lines = []
    for day in days:
        is_old = day in BEFORE
        lines += in_old_model(day, FIRST_HOUR) if is_old or day == AFTER[0] else []
        lines += [] if is_old else in_new_model(day, FIRST_HOUR + 5)
        lines += of_the_other(day)
    return lines


@pytest.fixture(scope="module")
def month(statements: Statements) -> list[Json]:
    """The month as FOCUS, made in one run."""
    return statements.focus([*exported(BEFORE), *exported(AFTER)])


def sums(rows: list[Json]) -> dict[tuple[str, str | None, int], tuple[Decimal, Decimal]]:
    """Billed and effective cost by commitment, status and day."""
    found: dict[tuple[str, str | None, int], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for item in rows:
        known = found[item["CommitmentDiscountId"], item["CommitmentDiscountStatus"], item["ChargePeriodStart"].day]
        known[0] += item["BilledCost"]
        known[1] += item["EffectiveCost"]
    return {key: (billed, effective) for key, (billed, effective) in found.items()}


def test_each_model_pays_for_its_own_days(month: list[Json]) -> None:
    found = sums(month)
    zero, fee_cost = Decimal(0), Decimal("0.7")
    for day in BEFORE:
        assert found[SWITCHED, None, day] == (fee_cost, zero)
        assert found[SWITCHED, "Used", day] == (zero, fee_cost)
    for day in AFTER[1:]:  # the fee is reduced by what was used, which is billed as usage
        assert found[SWITCHED, "Used", day] == (Decimal("0.5"), Decimal("0.5"))
        assert found[SWITCHED, "Unused", day][1] == Decimal("0.2")
    assert found[SWITCHED, "Used", AFTER[0]][1] == fee_cost + Decimal("0.5")
    for day in (*BEFORE, *AFTER):
        assert found[KEPT, "Used", day] == (zero, Decimal("0.6"))


def test_no_cost_is_lost_or_counted_twice(month: list[Json]) -> None:
    lines = [*exported(BEFORE), *exported(AFTER)]
    billed = sum(Decimal(line["cost"]) + sum(Decimal(part["amount"]) for part in line["credits"]) for line in lines)
    assert sum(item["BilledCost"] for item in month) == billed
    assert sum(item["EffectiveCost"] for item in month) == billed


def test_two_runs_around_the_switch_give_the_rows_of_one(statements: Statements, month: list[Json]) -> None:
    halves = [statements.focus(exported(days)) for days in (BEFORE, AFTER)]
    assert sorted(map(repr, [item for half in halves for item in half])) == sorted(map(repr, month))


def test_the_month_passes_the_checks(statements: Statements) -> None:
    extract = statements.staged([*exported(BEFORE), *exported(AFTER)])
    table = statements.focus_table(extract)
    checks = [check.with_.query for check in TEMPLATE.checks if isinstance(check, SqlCheck) and check.step == "focus"]
    strict = [check for check in checks if check.startswith("focus_") and check != "focus_duplicates"]
    found = {check: statements.failing(check, table, extract) for check in strict}
    assert len(found) > 5
    assert found == {check: [] for check in found}
