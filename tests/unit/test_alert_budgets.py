"""A budget's thresholds: each of a month alerts once, whatever the costs do and however often they are looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alerts.budgets import judged_months
from shared.domain.alerts.evaluation import MAX_MESSAGES, Evaluation, Known, KnownAlert, evaluate
from shared.domain.alerts.rules import BudgetRule, Rules, StoredRule
from shared.domain.alerts.spending import DailySpending, MonthCost, MonthlySpending, Reach

NOW = datetime(2025, 11, 18, 6, tzinfo=UTC)
TODAY = NOW.date()
NOVEMBER = date(2025, 11, 1)
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
WEBHOOK = StoredRule(rule="webhook", rule_id="w", settings={"url": "https://example.com"}, set_at=LONG_AGO)
amounts = st.decimals(min_value=Decimal("-1e6"), max_value=Decimal("1e12"), places=9, allow_nan=False)


def known(
    budget: BudgetRule, *evaluations: Evaluation, set_at: datetime = LONG_AGO, webhook: StoredRule | None = WEBHOOK
) -> Known:
    """What is known after these evaluations."""
    fired = [event for each in evaluations for event in each.events if event.kind == "FIRED"]
    alerts = {str(event.alert_id): KnownAlert(str(event.alert_id), event.details, False) for event in fired}
    rules = Rules(budget=budget, budget_set_at=set_at, webhook=webhook)
    return Known("acme", rules, len(evaluations), alerts, NOW)


def spending(*costs: tuple[str, str], month: date = NOVEMBER, newest: date = TODAY) -> MonthlySpending:
    months = [MonthCost(month, currency, Decimal(cost)) for currency, cost in costs]
    return MonthlySpending(months, [Reach("AWS", "aws", date(2025, 1, 1), newest)])


def budget(amount: str = "100", *, currency: str = "USD", thresholds: tuple[int, ...] = (50, 80, 100)) -> BudgetRule:
    return BudgetRule(amount=Decimal(amount), currency=currency, thresholds=thresholds)


def look(before: Known, *costs: tuple[str, str]) -> Evaluation:
    return evaluate(before, spending(*costs), DailySpending())


def thresholds(evaluation: Evaluation) -> list[int]:
    return [event.details["threshold_percent"] for event in evaluation.events if event.kind == "FIRED"]


@pytest.mark.parametrize(
    ("cost", "reached"),
    [
        ("49.999999999", []),
        ("50", [50]),
        ("79.999999999", [50]),
        ("80", [50, 80]),
        ("100", [50, 80, 100]),
        ("-80", []),
        ("99999999999999999999.999999999", [50, 80, 100]),
    ],
)
def test_a_threshold_is_reached_at_its_amount_to_the_last_digit(cost: str, reached: list[int]) -> None:
    assert thresholds(look(known(budget()), ("USD", cost))) == reached


def test_one_message_names_the_highest_threshold_and_all_new_ones() -> None:
    first = look(known(budget()), ("USD", "81.5"))
    (message,) = first.messages
    assert '"threshold_percent":80' in message.body
    assert '"thresholds_reached":[50,80]' in message.body
    assert {event.message_id for event in first.events if event.kind == "FIRED"} == {message.message_id}


def test_other_currencies_are_named_and_not_counted() -> None:
    found = look(known(budget()), ("USD", "10"), ("EUR", "500"), ("JPY", "90000"))
    assert thresholds(found) == []
    state = found.events[0].details["budget"]
    assert (state["cost"], state["percent"]) == ("10", "10")
    assert state["not_counted"] == [
        {"billing_currency": "EUR", "cost": "500"},
        {"billing_currency": "JPY", "cost": "90000"},
    ]


def test_the_percentage_is_rounded_down_so_it_never_shows_a_threshold_too_early() -> None:
    found = look(known(budget()), ("USD", "79.999999999"))
    assert found.events[0].details["budget"]["percent"] == "79.99"


@given(st.lists(amounts, min_size=1, max_size=6))
def test_each_threshold_alerts_once_and_only_when_the_cost_was_there(costs: list[Decimal]) -> None:
    done: list[Evaluation] = []
    for cost in costs:
        done += [look(known(budget(), *done), ("USD", str(cost)))]
        done += [look(known(budget(), *done), ("USD", str(cost)))]  # the same costs again
    fired = [threshold for each in done for threshold in thresholds(each)]
    assert sorted(fired) == [threshold for threshold in (50, 80, 100) if max(costs) >= threshold]
    assert all(thresholds(again) == [] and not again.messages for again in done[1::2])


@given(amounts, amounts)
def test_a_higher_cost_reaches_no_fewer_thresholds(one: Decimal, other: Decimal) -> None:
    low, high = sorted([one, other])
    assert set(thresholds(look(known(budget()), ("USD", str(low))))) <= set(
        thresholds(look(known(budget()), ("USD", str(high))))
    )


def test_two_evaluations_at_once_want_the_same_number_and_the_same_alerts() -> None:
    first, second = (look(known(budget()), ("USD", "85")) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("changed", "fires"),
    [(budget("100.000"), False), (budget("101"), True), (budget(thresholds=(80,)), False)],
    ids=["the same amount", "another amount", "other thresholds"],
)
def test_a_month_alerts_again_only_after_the_budget_itself_changed(changed: BudgetRule, *, fires: bool) -> None:
    first = look(known(budget()), ("USD", "85"))
    again = look(known(changed, first), ("USD", "85"))
    assert bool(thresholds(again)) is bool(again.messages) is fires


def test_a_lower_threshold_that_is_added_later_is_noted_without_a_message() -> None:
    first = look(known(budget(thresholds=(80,))), ("USD", "85"))
    again = look(known(budget(thresholds=(20, 80)), first), ("USD", "85"))
    assert thresholds(again) == [20]
    assert again.messages == []


def test_without_a_webhook_alerts_are_found_and_nothing_is_sent() -> None:
    found = look(known(budget(), webhook=None), ("USD", "85"))
    assert thresholds(found) == [50, 80]
    assert found.messages == []
    assert [event for event in found.events if event.kind == "MESSAGE" or event.message_id] == []


@pytest.mark.parametrize(
    ("newest", "set_at", "months"),
    [
        (TODAY, LONG_AGO, [date(2025, 10, 1), NOVEMBER]),
        (TODAY, NOW, [NOVEMBER]),
        (date(2025, 10, 31), NOW, [date(2025, 10, 1)]),
        (TODAY - timedelta(days=35), LONG_AGO, [date(2025, 9, 1), date(2025, 10, 1)]),
        (TODAY - timedelta(days=36), LONG_AGO, []),
    ],
    ids=["an old budget", "a new budget", "no charge of this month", "35 days old", "old bills"],
)
def test_a_budget_is_compared_with_recent_months(newest: date, set_at: datetime, months: list[date]) -> None:
    assert judged_months(spending(newest=newest), set_at=set_at, today=TODAY) == months


def test_a_tenant_without_charges_has_no_month() -> None:
    found = evaluate(known(budget()), MonthlySpending(), DailySpending())
    assert [event.kind for event in found.events] == ["EVALUATED"]
    assert found.events[0].details["budget"]["month"] is None


@pytest.mark.parametrize(("messages", "is_sent"), [(0, True), (MAX_MESSAGES - 1, True), (MAX_MESSAGES, False)])
def test_a_webhook_gets_some_messages_an_hour_and_every_alert_is_shown(messages: int, *, is_sent: bool) -> None:
    before = replace(known(budget()), messages=messages)
    found = evaluate(before, spending(("USD", "1000000000")), DailySpending())
    fired = [event for event in found.events if event.kind == "FIRED"]
    assert fired
    assert (bool(found.messages), all(event.message_id for event in fired)) == (is_sent, is_sent)
    assert [event.kind for event in found.events].count("MESSAGE") == is_sent
