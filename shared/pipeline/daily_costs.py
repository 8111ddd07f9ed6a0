"""Keeps focus_cost_daily equal to the sums of focus_cost: the same publish changes both (ADR 0024)."""

from __future__ import annotations

from shared.adapters.bigquery.sql import Statement, statement
from shared.configuration.tables import get_table
from shared.domain.templates.templates import Target
from shared.pipeline.statements import day_column

_SUMS = "pipeline/daily_costs"
DAILY = "focus_cost_daily"


def added_up(target: Target, staged: str) -> Statement:
    """The statement that replaces a target's days or billing periods in focus_cost_daily by the staged charges."""
    return statement("pipeline/publish", "replace_days").naming(
        target=f"{{dataset}}.{DAILY}",
        date_column=day_column(target.table, target.date_column),
        staged=_sums(staged),
        columns=_columns(),
    )


def all_added_up(target: Target) -> Statement:
    """The statement that fills focus_cost_daily from all charges. It runs after the target's rows have changed."""
    return statement(_SUMS, "add_up_all").naming(sums=_sums(f"{{dataset}}.{target.table}"), columns=_columns())


def _sums(charges: str) -> Statement:
    sums = statement(_SUMS, "added_up").naming(charges=charges)
    return Statement(sums.name, f"(\n{sums.text}\n)", sums.parameters)


def _columns() -> list[str]:
    return [column.name for column in get_table("tenant_dataset", DAILY).columns]
