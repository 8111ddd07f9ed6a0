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
    """The checks of a run besides those of its template.

    of_this_run: fails a run with rows of another source or day, because its publish would add them without replacing
    any.
    has_rows: warns of days without rows.
    final_periods: warns of final billing periods that change.
    """
    published = {target.step for target in template.publish}
    # A step that reads another published step lacks the same days, so only the other one is warned of.
    independent = [target for target in template.publish if not published & _steps_below(template, target.step)]
    return [
        *(_of_this_run(target, checked) for target in template.publish),
        *(_has_rows(template, target, checked) for target in independent),
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
    return RenderedCheck(check_id, "has_rows", step, target.table, severity="warn", statement=check, values=values)


def _of_this_run(target: Target, checked: Checked) -> RenderedCheck:
    check_id, step = f"{target.table}.of_this_run", target.step
    day = day_column(target.table, target.date_column)
    check = statement(_GUARDS, "of_this_run").naming(staged=checked.staged[step], day=day)
    values = {"check_id": check_id, "source": checked.values["source"], "dates": list(checked.dates[step])}
    return RenderedCheck(check_id, "of_this_run", step, target.table, severity="fail", statement=check, values=values)
