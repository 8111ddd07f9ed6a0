"""Names of projects and tables in the spellings of Google Cloud's tools."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.domain.credentials.google_names import ExportTable, ProjectId, parts_of_table, table_name
from shared.domain.templates.templates import Parameter

PROJECTS = ["acme-billing", "example.com:acme-billing", "eu.example.co.uk:acme-billing"]


@pytest.mark.parametrize("project", PROJECTS)
@pytest.mark.parametrize("written", ["{}.billing.export_v1", "{}:billing.export_v1"])
def test_a_table_name_is_read_in_every_spelling(project: str, written: str) -> None:
    name, parameter = written.format(project), Parameter(type="table", description="")
    canonical = f"{project}.billing.export_v1"
    assert table_name(name) == parameter.as_meant(name) == TypeAdapter(ExportTable).validate_python(name) == canonical
    assert table_name(canonical) == canonical
    assert parts_of_table(canonical) == (project, "billing", "export_v1")
    assert TypeAdapter(ProjectId).validate_python(project) == project


@pytest.mark.parametrize(
    "written",
    ["billing.export", "acme-billing", "acme-billing/billing.export", "acme-billing.billing:export",
     "example.com.acme-billing.billing.export", ":acme-billing.b.t", "example:acme-billing.b.t", "acme-billing.b.t\n",
     "acme-billing.b.`t`", "acme-billing.b.t.u", "example.com:acme-billing:other.b.t"],
)  # fmt: skip
def test_the_error_for_an_invalid_table_shows_the_form(written: str) -> None:
    with pytest.raises(ValidationError, match=r"must be project\.dataset\.table"):
        TypeAdapter(ExportTable).validate_python(written)
    with pytest.raises(ValueError, match=r"^must be project\.dataset\.table$"):
        Parameter(type="table", description="").as_meant(written)


@pytest.mark.parametrize("project", ["Acme", "example.com:", "com:acme-billing", "example.com:ac", "a_b.com:acme-bill"])
def test_the_error_for_an_invalid_project_shows_the_form(project: str) -> None:
    with pytest.raises(ValidationError, match="must be a project's id"):
        TypeAdapter(ProjectId).validate_python(project)
