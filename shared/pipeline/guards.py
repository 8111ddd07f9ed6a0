"""Adds the checks that every run makes, whatever its template says.

Their SQL is in pipeline/guards.sql and pipeline/billing_periods.sql.
"""

from __future__ import annotations

from shared.adapters.bigquery.sql import statement
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import Target, Template
from shared.pipeline.billing_periods import render_period_checks
from shared.pipeline.check_statements import Checked, RenderedCheck
from shared.pipeline.statements import day_column, step_statement, steps_read

_GUARDS = "pipeline/guards"


def render_guards(template: Template, checked: Checked) -> list[RenderedCheck]:
    """The additional checks of a run.

    `of_this_run` fails a run with rows of another source or day, because its publish would add them without replacing
    any. `has_rows` only warns of days without rows. `final_periods` only warns of final billing periods that change.
    """
    published = {target.step for target in template.publish}
    # If a step reads another published step, it lacks the same days. One warning is enough.
    first = [target for target in template.publish if not published & _steps_below(template, target.step)]
    return [
        *(_rows_outside_run(target, checked) for target in template.publish),
        *(_has_rows(template, target, checked) for target in first),
        *render_period_checks(template, checked),
    ]


def _steps_below(template: Template, step_id: str) -> set[str]:
    """The steps that a step reads, directly or through others."""
    step = next(step for step in template.steps if step.id == step_id)
    read = steps_read(step_statement(template, step)) if isinstance(step, SqlStep) else set()
    return read.union(*(_steps_below(template, name) for name in read))


def _has_rows(template: Template, target: Target, checked: Checked) -> RenderedCheck:
    check_id, step = f"{target.table}.has_rows", target.step
    day = day_column(target.table, target.date_column)
    check = statement(_GUARDS, "has_rows").naming(staged=checked.staged[step], day=day)
    values = {"check_id": check_id, "dates": list(checked.dates[step]), "grain": template.grain.replace("_", " ")}
    return RenderedCheck(check_id, "has_rows", step, target.table, "warn", check, values)


def _rows_outside_run(target: Target, checked: Checked) -> RenderedCheck:
    check_id, step = f"{target.table}.of_this_run", target.step
    check = statement(_GUARDS, "outside_run").naming(
        staged=checked.staged[step], day=day_column(target.table, target.date_column)
    )
    values = {"check_id": check_id, "source": checked.values["source"], "dates": list(checked.dates[step])}
    return RenderedCheck(check_id, "of_this_run", step, target.table, "fail", check, values)
