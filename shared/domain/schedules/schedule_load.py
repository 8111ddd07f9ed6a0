"""Finds out whether a schedule duplicates another of its tenant, and whether all of them exceed the daily limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from datetime import date, datetime, timedelta
from itertools import islice, takewhile

from shared.domain.schedules.pipeline_configs import PipelineConfig
from shared.domain.schedules.ticks import next_tick, require_timezone, ticks_after
from shared.errors import InvalidInput

_TICKS_COMPARED, _TIME_COMPARED = 50, timedelta(days=366)
_DAYS_COUNTED = timedelta(days=7)  # most schedules are the same every week
_INSTANT = timedelta(microseconds=1)
# A tick takes a tenth of a millisecond of a shared processor to compute, and a tenant may have 200 schedules.
MAX_TICKS = 2_500


class _Budget:
    """The number of ticks that may still be computed for warnings."""

    def __init__(self, ticks: int) -> None:
        self._left = ticks

    def take(self) -> bool:
        """Take one tick of the budget. It returns whether there was one."""
        self._left -= 1
        return self._left >= 0


def load_warnings(
    config: PipelineConfig,
    active: Sequence[PipelineConfig],
    *,
    daily_limit: int | None,
    trigger_cron: str,
    now: datetime,
    most_ticks: int = MAX_TICKS,
) -> list[str]:
    """Warnings for the owner of a schedule, which counts as active, given the tenant's active schedules.

    It computes at most `most_ticks`, and misses a warning that would need more.
    """
    others = [other for other in active if other.config_id != config.config_id]
    found = list(_first_doubled(config, others, now, _Budget(most_ticks)))
    budget = _Budget(most_ticks)
    if daily_limit is not None and (full := _full_day([config, *others], daily_limit, trigger_cron, now, budget)):
        day, runs = full
        found.append(
            f"The tenant's active schedules exceed its daily limit of {daily_limit}: they start {runs} or more runs on "
            f"{day} (UTC). Runs beyond the limit wait for the next day."
        )
    return found


def _first_doubled(
    config: PipelineConfig, others: Sequence[PipelineConfig], now: datetime, budget: _Budget
) -> Iterator[str]:
    mine = set(islice(_ticks(config, now, _TIME_COMPARED, budget), _TICKS_COMPARED))
    for other in others:
        if _do_the_same(config, other) and (tick := _tick_among(mine, other, now, budget)):
            yield _doubled(other, tick)
            return


def _doubled(other: PipelineConfig, tick: datetime) -> str:
    return (
        f"Schedule {other.config_id} runs the same pipeline with the same parameters at the same time, for example at "
        f"{tick:%Y-%m-%dT%H:%M:%SZ}. Both load the same rows; remove one of them."
    )


def _do_the_same(config: PipelineConfig, other: PipelineConfig) -> bool:
    """Whether both schedules would load the same rows if they ran at the same moment."""
    mine, its = config.settings, other.settings
    if (config.pipeline_id, mine.parameters) != (other.pipeline_id, its.parameters):
        return False
    return "{date}" not in str(mine.parameters) or mine.date_offset_days == its.date_offset_days


def _tick_among(ticks: Set[datetime], other: PipelineConfig, now: datetime, budget: _Budget) -> datetime | None:
    its = islice(_ticks(other, now, _TIME_COMPARED, budget), _TICKS_COMPARED)
    return next((tick for tick in its if tick in ticks), None)


def _ticks(config: PipelineConfig, now: datetime, span: timedelta, budget: _Budget) -> Iterator[datetime]:
    try:
        found = ticks_after(config.settings.cron_expression, config.settings.zone, after=now)
        yield from takewhile(lambda tick: budget.take() and tick < now + span, found)
    except InvalidInput:  # its timezone no longer exists, so it does not fire
        return


def _full_day(
    configs: Sequence[PipelineConfig], daily_limit: int, trigger_cron: str, now: datetime, budget: _Budget
) -> tuple[date, int] | None:
    """A UTC day with more runs than the limit, and the number of its runs that were counted."""
    counts: Counter[date] = Counter()
    for config in configs:
        for tick in _runs(config, trigger_cron, now, budget):
            counts[tick.date()] += 1
            if counts[tick.date()] > daily_limit:
                return tick.date(), counts[tick.date()]
    return None


def _runs(config: PipelineConfig, trigger_cron: str, now: datetime, budget: _Budget) -> Iterator[datetime]:
    """The ticks that become runs: all of them, or one for each trigger if the misfire policy is coalesce."""
    if config.settings.misfire_policy != "coalesce":
        yield from _ticks(config, now, _DAYS_COUNTED, budget)
        return
    utc, after = require_timezone("UTC"), now
    while tick := next(_ticks(config, after, now + _DAYS_COUNTED - after, budget), None):
        yield tick
        after = next_tick(trigger_cron, utc, after=tick - _INSTANT) or now + _DAYS_COUNTED
