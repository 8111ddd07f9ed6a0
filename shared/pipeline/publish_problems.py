"""Checks what a template publishes: columns that every published table needs, and the columns of the step's rows."""

from __future__ import annotations

from collections.abc import Iterator

from shared.domain.config_problems import Place
from shared.domain.templates import Target, Template
from shared.pipeline.shapes import staged_shape
from shared.tables import Table

# The row's source, its run, and when that run began.
_EVERY_TABLE = {"x_source": "STRING", "x_pipeline_logging_id": "STRING", "x_ingested_at": "TIMESTAMP"}


def publish_problems(template: Template, place: Place, target: Target, table: Table) -> Iterator[tuple[Place, str]]:
    """Why a publish of this target would fail, by place."""
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
            told = f"has no column {name}" if name not in given else f"has {name} as {given[name]}"
            yield (*place, "step"), f"{target.step} {told}, and {table.table} needs it as {kind}"
