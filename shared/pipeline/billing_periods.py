"""Handles the billing periods of rows published as FOCUS: makes them final, and warns if a run changes final ones."""

from __future__ import annotations

from shared.adapters.bigquery.sql import Statement, statement
from shared.domain.templates.templates import Target, Template
from shared.pipeline.check_statements import Checked, RenderedCheck
from shared.pipeline.statements import day_column

_PERIODS = "pipeline/billing_periods"
_CHARGES = "focus_cost"
TABLE = "focus_billing_period"


def focus_targets(template: Template) -> list[Target]:
    """The targets whose rows are charges of billing periods."""
    return [target for target in template.publish if target.table == _CHARGES]


def settled(target: Target, staged: str) -> Statement:
    """The statement that updates a target's billing periods. It runs before the target's rows change."""
    return statement(_PERIODS, "note_final_periods").naming(period_changes=_changes(target, staged), staged=staged)


def render_period_checks(template: Template, checked: Checked) -> list[RenderedCheck]:
    """The check that warns if a run changes final billing periods."""
    return [_final_periods(target, checked) for target in focus_targets(template)]


def _final_periods(target: Target, checked: Checked) -> RenderedCheck:
    check_id, step = f"{target.table}.final_periods", target.step
    found = statement(_PERIODS, "final_periods").naming(period_changes=_changes(target, checked.staged[step]))
    values = {"check_id": check_id, "source": checked.values["source"], "dates": list(checked.dates[step])}
    return RenderedCheck(check_id, "final_periods", step, target.table, "warn", found, values)


def _changes(target: Target, staged: str) -> Statement:
    return statement(_PERIODS, "period_changes").naming(
        staged=staged,
        target=f"{{dataset}}.{target.table}",
        date_column=day_column(target.table, target.date_column),
    )
