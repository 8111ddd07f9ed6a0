"""Finds the columns of a step's staging table from configs/tables, before anything is run."""

from __future__ import annotations

from shared.configuration.tables import Table, get_tables
from shared.domain.templates.template_steps import SqlStep
from shared.domain.templates.templates import Template

# What a connector loads has the columns of this table.
_EXTRACTS = {"gcp_billing_export": "gcp_cost_billing", "aws_billing_files": "aws_cost_billing"}


def shape_name(template: Template, step_id: str) -> str:
    """The table whose columns a step's staging table has: a sql step says so, an extract always loads the same."""
    step = next(step for step in template.steps if step.id == step_id)
    return step.with_.shape if isinstance(step, SqlStep) else _EXTRACTS[step.uses]


def staged_shape(template: Template, step_id: str) -> Table | None:
    """That table, unless a template names one that does not exist."""
    return get_tables("tenant_dataset").get(shape_name(template, step_id))


def no_table(name: str) -> str:
    """That a table is not there, and where it should be."""
    return f"there is no table {name} in configs/tables/tenant_dataset"
