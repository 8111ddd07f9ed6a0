"""Finds the columns of a step's staging table from configs/tables, before anything is run."""

from __future__ import annotations

from shared.configuration.tables import Table, get_tables
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import Template

# The step that loads rows, and the table whose columns these rows have.
_EXTRACTS = {
    "gcp_billing_export": "gcp_cost_billing",
    "aws_billing_files": "aws_cost_billing",
    "azure_billing_files": "azure_cost_billing",
    "aws_focus_files": "focus_cost_file",
    "azure_focus_files": "focus_cost_file",
    "focus_files": "focus_cost_file",
}


def shape_name(template: Template, step_id: str) -> str:
    """The name of the table whose columns a step's staging table has. A sql step names it; others have a fixed one."""
    step = next(step for step in template.steps if step.id == step_id)
    return step.with_.shape if isinstance(step, SqlStep) else _EXTRACTS[step.uses]


def staged_shape(template: Template, step_id: str) -> Table | None:
    """The table whose columns a step's staging table has, or None if the template names one that does not exist."""
    return get_tables("tenant_dataset").get(shape_name(template, step_id))


def no_table(name: str) -> str:
    """The message about a missing table, which says where its file should be."""
    return f"there is no table {name} in configs/tables/tenant_dataset"
