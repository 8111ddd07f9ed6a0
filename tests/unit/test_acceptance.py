"""The answer to a manual run: refused by the daily limit, RUNNING, or PENDING with the reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.requests.creation import CreationRequest
from shared.domain.runs.acceptance import AcceptedRun, repeatable_run_id
from shared.domain.runs.limits import QueuedGroup, Start, Usage, next_utc_midnight, waiting_limit
from shared.errors import Conflict, IdempotencyMismatch, QuotaExceeded, TooManyWaiting

NOW = datetime(2025, 11, 17, 22, 30, tzinfo=UTC)
BILLING, OTHER = "gcp-cost-billing", "aws-cost-cur"


def usage(*queue: QueuedGroup, started: int = 0, daily: int = 5, concurrent: int = 2) -> Usage:
    return Usage(now=NOW, daily_limit=daily, concurrent_limit=concurrent, started_today=started, queue=queue)


def live(items: int = 1, pipeline_id: str = OTHER, source: str | None = "s") -> QueuedGroup:
    return QueuedGroup(pipeline_id, source, "PROCESSING", "manual", is_uncounted=False, is_ahead=True, items=items)


def waiting(
    items: int = 1, pipeline_id: str = OTHER, source: str | None = "s", *, manual: bool = True, ahead: bool = True
) -> QueuedGroup:
    return QueuedGroup(
        pipeline_id,
        source,
        "QUEUED",
        "manual" if manual else "scheduled",
        is_uncounted=True,
        is_ahead=ahead,
        items=items,
    )


def test_run_starts_when_a_slot_is_free() -> None:
    assert usage(live(1)).predict_start(BILLING, "s") == Start("RUNNING")


def test_run_waits_for_a_slot() -> None:
    assert usage(live(2)).predict_start(BILLING, "s") == Start("PENDING", "CONCURRENT_LIMIT", 1)


def test_run_waits_behind_runs_that_will_take_the_slot() -> None:
    assert usage(live(1), waiting(3)).predict_start(BILLING, "s") == Start("PENDING", "CONCURRENT_LIMIT", 4)


def test_runs_that_are_about_to_start_are_not_ahead_in_the_line() -> None:
    starting = [waiting(source="a"), waiting(source="b")]
    assert usage(*starting).predict_start(BILLING, "s") == Start("PENDING", "CONCURRENT_LIMIT", 1)
    assert usage(live(1, OTHER, "a"), *starting).predict_start(BILLING, "s").queue_position == 2
    assert usage(live(3), *starting).predict_start(BILLING, "s").queue_position == 3  # the limit was lowered


def test_run_starts_before_runs_of_lower_priority() -> None:
    assert usage(live(1), waiting(3, manual=False, ahead=False)).predict_start(BILLING, "s") == Start("RUNNING")


@pytest.mark.parametrize("first", [live(1, BILLING, "s"), waiting(1, BILLING, "s")])
def test_run_waits_for_the_same_pipeline_and_source(first: QueuedGroup) -> None:
    start = usage(first).predict_start(BILLING, "s")
    assert (start.status, start.wait_reason) == ("PENDING", "PIPELINE_BUSY")


def test_run_does_not_wait_for_a_later_run_of_the_same_pipeline_and_source() -> None:
    later = waiting(1, BILLING, "s", manual=False, ahead=False)
    assert usage(later).predict_start(BILLING, "s") == Start("RUNNING")


def test_another_source_of_the_same_pipeline_does_not_hold_a_run_back() -> None:
    assert usage(live(1, BILLING, "other")).predict_start(BILLING, "s") == Start("RUNNING")


def test_the_daily_limit_is_answered_with_limit_and_used() -> None:
    with pytest.raises(QuotaExceeded) as refusal:
        usage(started=5).check_daily_limit()
    midnight = datetime(2025, 11, 18, tzinfo=UTC)
    assert refusal.value.facts == {"limit": 5, "used": 5, "resets_at": midnight, "retry_after": 5401}


def test_manual_runs_that_wait_to_be_counted_use_the_limit_up() -> None:
    with pytest.raises(QuotaExceeded):
        usage(waiting(2), started=3).check_daily_limit()


def test_scheduled_runs_that_wait_do_not_use_the_limit_up() -> None:
    usage(waiting(9, manual=False), started=4).check_daily_limit()


@given(started=st.integers(0, 20), uncounted=st.integers(0, 20), daily=st.integers(0, 20))
def test_accepted_runs_never_exceed_the_daily_limit(started: int, uncounted: int, daily: int) -> None:
    standing = usage(*([waiting(uncounted)] if uncounted else []), started=started, daily=daily)
    try:
        standing.check_daily_limit()
    except QuotaExceeded:
        assert started + uncounted >= daily
    else:
        assert started + uncounted + 1 <= daily


@given(st.datetimes(timezones=st.just(UTC), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001 - Hypothesis wants it naive
def test_limits_are_reset_within_a_day(now: datetime) -> None:
    assert 0 < (next_utc_midnight(now) - now).total_seconds() <= 86_400


def test_first_answer_is_valid_for_a_day_and_for_its_body_only() -> None:
    first = AcceptedRun("run", Start("RUNNING"), "digest", accepted_at=NOW)
    assert first.answers("digest", NOW + timedelta(hours=24))
    with pytest.raises(IdempotencyMismatch):
        first.answers("other", NOW + timedelta(hours=24))
    assert not first.answers("other", NOW + timedelta(hours=24, seconds=1))


def test_same_call_finds_the_same_run_and_no_other_does() -> None:
    def run_id(
        tenant_id: str = "acme",
        pipeline_id: str = BILLING,
        key: str = "k",
        number: int = 0,
        retry_of: str | None = None,
    ) -> str:
        return repeatable_run_id(
            tenant_id=tenant_id, pipeline_id=pipeline_id, idempotency_key=key, number=number, retry_of=retry_of
        )

    assert run_id() == run_id()
    assert run_id(retry_of="first") == run_id(retry_of="first")
    others = {run_id(tenant_id="beta"), run_id(pipeline_id=OTHER), run_id(key="l"), run_id(number=1), run_id()}
    others |= {run_id(retry_of="first"), run_id(retry_of="second")}
    assert len(others) == 7


def test_digest_depends_on_the_body_and_not_on_the_order_of_its_fields() -> None:
    assert CreationRequest({"a": 1, "b": [2]}).body_digest == CreationRequest({"b": [2], "a": 1}).body_digest
    assert CreationRequest({"a": 1}).body_digest != CreationRequest({"a": "1"}).body_digest


def test_a_waiting_backfill_uses_no_quota_and_delays_no_other_run() -> None:
    months = QueuedGroup(
        BILLING, "s", "QUEUED", "backfill", is_uncounted=True, is_ahead=False, items=36, backfill_id="b"
    )
    usage(months, daily=1).check_daily_limit()
    assert usage(months).predict_start(BILLING, "s") == Start("RUNNING")
    usage(months).check_no_backfill_waits(BILLING, "other")
    with pytest.raises(Conflict) as refusal:
        usage(months).check_no_backfill_waits(BILLING, "s")
    assert refusal.value.facts == {"backfill_id": "b", "waiting_runs": 36}


def test_a_backfill_shows_the_known_reason_why_it_waits() -> None:
    assert usage().predict_backfill(BILLING, "s") == Start("PENDING")
    assert usage(started=5).predict_backfill(BILLING, "s") == Start("PENDING", "DAILY_LIMIT")
    assert usage(live(1, BILLING, "s")).predict_backfill(BILLING, "s") == Start("PENDING", "PIPELINE_BUSY")


def test_a_backfill_may_use_what_other_runs_do_not_need_today() -> None:
    others = (live(1), waiting(2), waiting(3, manual=False))
    quota = replace(usage(*others, started=4, daily=20), schedules=5, due_today=2).backfill_quota()
    assert (quota.used, quota.reserved, quota.remaining, quota.schedules) == (6, 5, 9, 5)


@given(daily=st.integers(0, 2_000), more=st.integers(1, 40), groups=st.lists(st.integers(1, 400), max_size=5))
def test_accepted_runs_never_wait_beyond_the_limit(daily: int, more: int, groups: list[int]) -> None:
    asked = usage(*(waiting(items, manual=False) for items in groups), live(3), daily=daily)
    limit = waiting_limit(daily)
    assert limit >= 10 * daily
    if sum(groups) + more <= limit:
        asked.check_waiting_limit(more)
        return
    with pytest.raises(TooManyWaiting) as refusal:
        asked.check_waiting_limit(more)
    facts = refusal.value.facts
    assert (refusal.value.cap, facts["limit"], facts["waiting"]) == ("waiting_runs", limit, sum(groups))
    assert facts["retry_after"] > 0
