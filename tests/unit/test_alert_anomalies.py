"""Anomalies by median and MAD: what alerts, what is not judged yet, and what is resolved when a day is restated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alerts.anomalies import Days, find_anomalies
from shared.domain.alerts.evaluation import Evaluation, Known, KnownAlert, evaluate
from shared.domain.alerts.rules import AnomalyRule, Rules
from shared.domain.alerts.spending import DailySpending, DayCost, MonthlySpending, Reach, complete_through

NOW = datetime(2025, 11, 18, 6, tzinfo=UTC)
TODAY = NOW.date()
NEWEST = TODAY  # so yesterday is the last complete day
LAST = NEWEST - timedelta(days=1)
RULE = AnomalyRule(minimum_amount=Decimal(20), currency="USD")
costs = st.decimals(min_value=0, max_value=Decimal("1e9"), places=9, allow_nan=False)


def spending(values: Sequence[Any], *, last: date = LAST, first_day: date | None = None) -> DailySpending:
    """One service whose costs end with `last`, a source that reaches to NEWEST."""
    first = last - timedelta(days=len(values) - 1)
    days = [
        DayCost("AWS", "EC2", first + timedelta(days=number), Decimal(value)) for number, value in enumerate(values)
    ]
    return DailySpending(days, [Reach("AWS", "aws", first_day or first, NEWEST)])


def known(*evaluations: Evaluation, rule: AnomalyRule = RULE) -> Known:
    """What is known after these evaluations."""
    alerts: dict[str, KnownAlert] = {}
    for event in (event for each in evaluations for event in each.events):
        if event.kind == "FIRED":
            alerts[str(event.alert_id)] = KnownAlert(str(event.alert_id), event.details, is_resolved=False)
        if event.kind in {"RESOLVED", "REOPENED"}:
            before = alerts[str(event.alert_id)]
            alerts[before.alert_id] = KnownAlert(before.alert_id, before.facts, event.kind == "RESOLVED")
    return Known("acme", Rules(anomalies=rule), len(evaluations), alerts, NOW)


def look(before: Known, daily: DailySpending) -> Evaluation:
    return evaluate(before, MonthlySpending(), daily)


def kinds(evaluation: Evaluation) -> list[str]:
    return [event.kind for event in evaluation.events]


def fired(evaluation: Evaluation) -> list[Mapping[str, Any]]:
    return [event.details for event in evaluation.events if event.kind == "FIRED"]


def test_a_day_far_above_the_median_alerts_once() -> None:
    spike = spending([10, 11, 9] * 9 + [10, 100])
    first = look(known(), spike)
    (facts,) = fired(first)
    assert (facts["service"], facts["day"], facts["cost"]) == ("EC2", LAST.isoformat(), "100")
    assert (facts["median"], facts["mad"]) == ("10", "1")
    assert kinds(look(known(first), spike)) == ["EVALUATED"]


@pytest.mark.parametrize(
    ("cost", "is_anomaly"),
    [("29.999999999", False), ("30", True)],
    ids=["19.999999999 more than usual", "20 more than usual"],
)
def test_the_excess_has_to_be_at_least_the_minimum_amount(cost: str, *, is_anomaly: bool) -> None:
    assert bool(fired(look(known(), spending([10] * 28 + [cost])))) is is_anomaly


def test_cents_do_not_alert_however_unusual_they_are() -> None:
    assert fired(look(known(), spending(["0.01"] * 28 + ["0.99"]))) == []


def test_a_service_that_varies_much_has_to_vary_more() -> None:
    restless = [10, 60, 110] * 9 + [60]
    assert fired(look(known(), spending([*restless, 400]))) == []  # the MAD is 50, five usual deviations are 370.65
    assert len(fired(look(known(), spending([*restless, 431])))) == 1


def test_a_new_service_alerts_from_the_minimum_amount_on() -> None:
    long_there = LAST - timedelta(days=60)
    assert len(fired(look(known(), spending([20], first_day=long_there)))) == 1


def test_a_day_that_is_not_complete_is_left_out() -> None:
    unfinished = spending([10] * 28 + [500], last=NEWEST)
    assert fired(look(known(), unfinished)) == []
    state = look(known(), unfinished).events[0].details["anomalies"]
    assert state["complete_through"] == {"AWS": LAST.isoformat()}
    assert state["data_through"] == {"AWS": NEWEST.isoformat()}


def test_a_provider_is_complete_when_all_its_live_sources_are() -> None:
    long_ago = date(2025, 1, 1)
    reaches = [
        Reach("AWS", "quick", long_ago, date(2025, 11, 18)),
        Reach("AWS", "slow", long_ago, date(2025, 11, 15)),
        Reach("AWS", "ended", long_ago, date(2025, 11, 10)),
        Reach("Microsoft", "azure", long_ago, date(2025, 11, 17)),
    ]
    assert complete_through(reaches) == {"AWS": date(2025, 11, 14), "Microsoft": date(2025, 11, 16)}


@pytest.mark.parametrize(("days_before", "judged"), [(13, False), (14, True)])
def test_fewer_than_fourteen_days_are_no_history(days_before: int, *, judged: bool) -> None:
    assert bool(fired(look(known(), spending([10] * days_before + [500])))) is judged


@pytest.mark.parametrize(("days_ago", "alerts"), [(6, True), (7, False)])
def test_only_the_last_seven_complete_days_alert(days_ago: int, *, alerts: bool) -> None:
    assert bool(fired(look(known(), spending([10] * 28 + [500] + [10] * days_ago)))) is alerts


def test_old_bills_alert_nobody() -> None:
    days = Days.of(spending([10] * 28 + [500]))
    assert list(find_anomalies(days, RULE, tenant_id="acme", today=NEWEST + timedelta(days=36))) == []


def test_a_restated_day_is_resolved_and_comes_back_without_a_second_alert() -> None:
    spike, calm = spending([10] * 28 + [500]), spending([10] * 28 + [12])
    first = look(known(), spike)
    second = look(known(first), calm)
    assert kinds(second) == ["EVALUATED", "RESOLVED"]
    assert kinds(look(known(first, second), calm)) == ["EVALUATED"]
    third = look(known(first, second), spike)
    assert kinds(third) == ["EVALUATED", "REOPENED"]
    assert third.messages == []


def test_a_day_whose_charges_are_gone_is_resolved() -> None:
    first = look(known(), spending([10] * 28 + [500]))
    gone = DailySpending([], [Reach("AWS", "aws", LAST - timedelta(days=60), NEWEST)])
    assert kinds(look(known(first), gone)) == ["EVALUATED", "RESOLVED"]


def test_a_day_that_can_no_longer_be_judged_keeps_its_alert() -> None:
    first = look(known(), spending([10] * 28 + [500]))
    nothing_known = DailySpending()
    other_currency = AnomalyRule(minimum_amount=Decimal(20), currency="EUR")
    assert kinds(look(known(first), nothing_known)) == ["EVALUATED"]
    assert kinds(look(known(first, rule=other_currency), nothing_known)) == ["EVALUATED"]


@given(st.lists(costs, min_size=28, max_size=28), costs)
def test_the_verdict_is_that_of_the_definition(before: list[Decimal], cost: Decimal) -> None:
    (verdict,) = [Days.of(spending([*before, cost])).judge("AWS", "EC2", LAST, RULE)]
    middle = median(before)
    mad = median(abs(each - middle) for each in before)
    excess = cost - middle
    assert verdict is not None
    assert (verdict.median, verdict.mad) == (middle, mad)
    assert verdict.is_anomaly == (excess > 5 * Decimal("1.4826") * mad and excess >= 20)


@given(st.lists(costs, min_size=28, max_size=28), costs, costs)
def test_a_higher_cost_is_no_less_an_anomaly(before: list[Decimal], one: Decimal, other: Decimal) -> None:
    verdicts = [Days.of(spending([*before, cost])).judge("AWS", "EC2", LAST, RULE) for cost in sorted([one, other])]
    low, high = (verdict is not None and verdict.is_anomaly for verdict in verdicts)
    assert low <= high


@given(st.lists(st.sampled_from([10, 12, 500]), min_size=30, max_size=40))
def test_looking_again_at_the_same_costs_changes_nothing(values: list[int]) -> None:
    first = look(known(), spending(values))
    assert kinds(look(known(first), spending(values))) == ["EVALUATED"]
