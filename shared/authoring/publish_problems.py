"""Checks what a template publishes: columns that every published table needs, and the columns of the step's rows."""

from __future__ import annotations

from collections.abc import Iterator

from shared.configuration.tables import Table
from shared.domain.templates.check_options import Reconciliation, Totals
from shared.domain.templates.config_problems import Place
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import Target, Template
from shared.pipeline.shapes import staged_shape
from shared.pipeline.statements import sourced_tables, step_statement, whole_statement
from shared.pipeline.table_reads import dataset_reads

# The columns with the row's source, its run, and the time when that run began.
_EVERY_TABLE = {"x_source": "STRING", "x_pipeline_logging_id": "STRING", "x_ingested_at": "TIMESTAMP"}


def publish_problems(template: Template, place: Place, target: Target, table: Table) -> Iterator[tuple[Place, str]]:
    """The reasons why a publish of this target would fail, by place."""
    types = {column.name: column.type for column in table.columns}
    for name, kind in _EVERY_TABLE.items():
        if name not in types:
            yield (*place, "table"), f"{table.table} has no column {name}; a published table needs {name}, a {kind}"
        elif types[name] != kind:
            yield (*place, "table"), f"{name} of {table.table} is {types[name]}, and must be {kind}"
    staged = staged_shape(template, target.step)
    if staged is None or staged.table == table.table:
        return
    given = {column.name: column.type for column in staged.columns}
    for name, kind in types.items():
        if given.get(name) != kind:
            problem = f"has no column {name}" if name not in given else f"has {name} as {given[name]}"
            yield (*place, "step"), f"{target.step} {problem}, and {table.table} needs it as {kind}"


def comparison_problems(template: Template) -> Iterator[tuple[Place, str]]:
    """The published steps that add up published rows although no check compares the sums with these rows."""
    steps = {step.id: step for step in template.steps if isinstance(step, SqlStep)}
    for index, target in enumerate(template.publish):
        step = steps.get(target.step)
        read = [] if step is None else _tables(step_statement(template, step).text)
        if read and not any(_compares(template, check, target.step) for check in template.checks):
            yield (
                ("publish", index, "step"),
                (
                    f"{target.step} adds up {read[0]}, and no check compares the two: add one that"
                    f" `uses: reconciliation`, with `step: {target.step}`, `observed: {{step: {target.step}, total:"
                    f" <column>}}` and `expected: {{table: {read[0]}, total: cost, keys: [...]}}`"
                ),
            )


def _compares(template: Template, check: object, step_id: str) -> bool:
    if not isinstance(check, Reconciliation) or check.step != step_id or check.severity != "fail":
        return False
    return _reads_published(template, check.with_.expected) or _reads_published(template, check.with_.observed)


def _reads_published(template: Template, side: Totals) -> bool:
    if side.query is None:
        return side.table is not None
    return bool(_tables(whole_statement(template, side.query).text))


def _tables(text: str) -> list[str]:
    published = sourced_tables()
    return [table for read in dataset_reads(text) for table in read.tables if table in published]
