"""Templates and the parameters of requests: valid ones, and errors of invalid ones."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.bigquery.sql import load_statements, placeholders
from shared.configuration.platform_config import CONFIGS
from shared.configuration.templates import all_templates, find_template, get_template, load_template, usable_templates
from shared.domain.templates.template_parsing import parse_template
from shared.domain.templates.templates import (
    CHECK_VALUES,
    RUN_VALUES,
    Template,
    resolve_parameters,
    source_of,
    substitute,
    template_variables,
)
from shared.errors import ConfigError, InvalidInput, NotFound
from tests.support.template_copies import break_one_template

EXTRACT = {"id": "extract", "uses": "gcp_billing_export", "with": {"export_table": "{export}"}}
CHECK = {"id": "c", "uses": "not_null", "step": "extract", "with": {"columns": ["cost"]}}
TARGET = {"table": "costs", "step": "extract", "date_column": "day", "billed": "billed_by_day"}
DEFAULTS = {"allow_empty": False, "late_hours": 72}
DAYS = st.dates(min_value=date(2008, 1, 1), max_value=date(2100, 1, 1))


def document(**changes: Any) -> dict[str, Any]:
    return {
        "description": "Costs",
        "owner": "platform",
        "credentials": "GCP",
        "parameters": {"export": {"type": "table", "description": "What to read"}},
        "steps": [EXTRACT],
        "publish": [TARGET],
    } | changes


def parsed(**changes: Any) -> Template:
    return parse_template(document(**changes), provider="gcp", domain="cost", template="test", file="gcp/cost/test.yml")


def billing() -> Template:
    template = find_template("gcp", "cost", "billing")
    assert template is not None
    return template


def refusal(body: dict[str, Any], template: Template | None = None) -> list[dict[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        resolve_parameters(template or billing(), body)
    errors: list[dict[str, str]] = caught.value.facts["errors"]
    return errors


def test_every_template_in_configs_is_valid() -> None:
    assert "gcp-cost-billing" in {template.pipeline_id for template in all_templates()}


@pytest.mark.parametrize(
    "path", ["tables/tenants/tenant_profiles", "gcp/../platform", "gcp/cost/no", "GCP/cost/billing"]
)
def test_only_templates_are_found(path: str) -> None:
    assert find_template(*path.split("/")) is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"colour": "red"}, "colour"),
        ({"owner": None}, "owner"),
        ({"steps": []}, "steps"),
        ({"provider": "aws"}, "provider"),
        ({"steps": [EXTRACT | {"id": "elsewhere"}]}, "no step extract"),
        ({"steps": [EXTRACT | {"with": {"start_date": "in {nobody}"}}]}, "steps.0.with.start_date: .*{nobody}"),
        ({"steps": [EXTRACT | {"with": {"colour": "red"}}]}, "steps.0.with.colour"),
        ({"steps": [EXTRACT, EXTRACT]}, "needs its own id"),
        ({"steps": [EXTRACT | {"id": "checks"}]}, "steps.checks|no step"),
        ({"steps": [EXTRACT | {"timeout_seconds": 0}]}, "timeout_seconds"),
        ({"steps": [EXTRACT | {"max_bytes_billed": 1}]}, "max_bytes_billed"),
        ({"steps": [EXTRACT | {"uses": "magic"}]}, "one of 'gcp_billing_export', .*'sql', not magic"),
        ({"steps": [EXTRACT, {"id": "days", "uses": "sql"}]}, "steps.1.with"),
        ({"steps": [EXTRACT, {"id": "days", "uses": "sql", "with": {"query": "q"}}]}, "steps.1.with.shape"),
        ({"lookups": {"source": {"file": "a.csv"}}}, "lookups.source"),
        ({"lookups": {"export": {"file": "a.csv"}}}, "parameters.export"),
        ({"lookups": {"services": {"file": "a.txt"}}}, "lookups.services.file"),
        ({"max_bytes_billed": 0}, "max_bytes_billed"),
        ({"publish": [TARGET, TARGET]}, "needs its own table"),
        ({"checks": [CHECK | {"step": "elsewhere"}]}, "no step elsewhere"),
        ({"parameters": {"date": {"type": "string", "description": "d"}}}, "parameters.date"),
        ({"parameters": {"export": {"type": "float", "description": "d"}}}, "parameters.export.type"),
    ],
)
def test_the_error_of_an_invalid_template_names_file_and_field(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError, match=rf"gcp/cost/test\.yml.*({where})"):
        parsed(**changes)


@pytest.mark.parametrize("name", sorted({*RUN_VALUES, *CHECK_VALUES, "tenant_id", "date", "split"}))
def test_names_that_every_statement_gets_cannot_be_used_for_parameters_or_lookups(tmp_path: Path, name: str) -> None:
    file = tmp_path / "gcp/cost/test.yml"
    file.parent.mkdir(parents=True)
    entries = {"parameters": {"type": "string", "description": "d"}, "lookups": {"file": "a.csv"}}
    for kind, entry in entries.items():
        file.write_text(json.dumps(document(**{kind: document().get(kind, {}) | {name: entry}}), indent=1))
        line = 1 + file.read_text().splitlines().index(f'  "{name}": {{')
        refused = rf"gcp/cost/test\.yml:{line}: {kind}\.{name}: is reserved; choose another name"
        with pytest.raises(ConfigError, match=refused):
            load_template(file)


def test_every_parameter_that_a_check_adds_to_a_template_s_own_statement_is_reserved() -> None:
    opens = {"failing", "observed", "expected", "billed"}  # the place of the template's own statement
    parts = ("checks", "comparisons", "guards", "table_checks")
    files = [CONFIGS.parent / f"shared/sql/pipeline/{part}.sql" for part in parts]
    found = [item for file in files for item in load_statements(file).values()]
    added = {name for item in found if placeholders(item.text) & opens for name in item.parameters}
    assert added - RUN_VALUES.keys() == CHECK_VALUES


def test_a_run_has_a_date_or_a_range_or_no_dates() -> None:
    assert resolve_parameters(billing(), {"date": "2025-11-17"}) == {"date": "2025-11-17", **DEFAULTS}
    both = {"start_date": "2025-11-01", "end_date": "2025-11-17"}
    assert resolve_parameters(billing(), both) == {**both, **DEFAULTS}
    assert resolve_parameters(billing(), {}) == DEFAULTS


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"date": "2025-02-30"}, "date"),
        ({"date": "17.11.2025"}, "date"),
        ({"date": "20251117"}, "date"),
        ({"date": "2025-W47-1"}, "date"),
        ({"date": 20251117}, "date"),
        ({"date": None}, "date"),
        ({"date": "1999-12-31"}, "date"),
        ({"date": "9999-12-31"}, "date"),
        ({"start_date": "2025-11-02", "end_date": "2025-11-01"}, "start_date"),
        ({"start_date": "2025-11-02"}, "end_date"),
        ({"end_date": "2025-11-02"}, "start_date"),
        ({"date": "2025-11-02", "end_date": "2025-11-02"}, "date"),
        ({"start_date": "2020-01-01", "end_date": "2025-11-01"}, "end_date"),
        ({"colour": "red"}, "colour"),
        ({"tenant_id": "other"}, "tenant_id"),
        ({"allow_empty": "yes"}, "allow_empty"),
        ({"billing_export_table": "p`; DROP.d.t"}, "billing_export_table"),
    ],
)
def test_a_bad_body_is_refused_by_field(body: dict[str, Any], field: str) -> None:
    assert [error["field"] for error in refusal(body)] == [field]


def test_every_bad_field_is_named_at_once() -> None:
    assert {error["field"] for error in refusal({"date": "x", "colour": "red", "allow_empty": 1})} == {
        "date", "colour", "allow_empty",
    }  # fmt: skip


def test_a_date_inside_a_text_is_required() -> None:
    template = parsed(steps=[EXTRACT | {"with": {"export_table": "exports/{date}/"}}])
    assert refusal({}, template)[0]["field"] == "date"
    assert resolve_parameters(template, {"date": "2025-11-17"}) == {"date": "2025-11-17"}


def test_a_pipeline_that_reads_no_source_needs_days() -> None:
    days = {"id": "extract", "uses": "sql", "with": {"query": "sums", "shape": "costs"}}
    template = parsed(steps=[days])
    assert refusal({}, template) == [
        {"field": "date", "message": "this pipeline needs it, or start_date and end_date"}
    ]  # fmt: skip
    for dates in ({"date": "2025-11-17"}, {"start_date": "2025-11-01", "end_date": "2025-11-17"}):
        assert resolve_parameters(template, dates) == dates
    assert resolve_parameters(parsed(steps=[EXTRACT, days | {"id": "days"}]), {}) == {}


@given(start=DAYS, length=st.integers(min_value=1, max_value=500))
def test_a_range_is_accepted_up_to_the_templates_limit(start: date, length: int) -> None:
    body = {"start_date": str(start), "end_date": str(start + timedelta(days=length - 1))}
    if length <= billing().max_days:
        resolved = resolve_parameters(billing(), body)
        assert resolve_parameters(billing(), resolved) == resolved
    else:
        assert refusal(body)[0]["field"] == "end_date"


@given(day=DAYS)
def test_variables_name_tenant_pipeline_and_days(day: date) -> None:
    variables = template_variables(billing(), "acme_corp_12312025", {"date": str(day)})
    assert variables["pipeline_id"] == "acme_corp_12312025-gcp-cost-billing"
    assert variables["date"] == variables["start_date"] == variables["end_date"] == str(day)


@given(value=st.one_of(st.none(), st.booleans(), st.integers(), st.text()))
def test_a_placeholder_that_is_the_whole_text_keeps_its_type(value: object) -> None:
    assert substitute({"a": ["{x}"], "b": 1}, {"x": value}) == {"a": [value], "b": 1}


@given(value=st.text(), around=st.text(alphabet=st.characters(exclude_characters="{}")))
def test_substitution_never_substitutes_twice(value: str, around: str) -> None:
    assert substitute(f"{around}-{{x}}", {"x": value, "y": "never"}) == f"{around}-{value}"


def test_the_source_comes_from_the_parameters_before_the_credentials() -> None:
    assert source_of(billing(), {"billing_export_table": "p-1.d.t"}, "gcp:other") == "gcp:p-1.d.t"
    assert source_of(billing(), {}, "gcp:other") == "gcp:other"
    assert source_of(billing(), {}, None) is None


def test_a_broken_template_stops_only_its_own_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_one_template(tmp_path, monkeypatch)
    usable = [template.pipeline_id for template in usable_templates()]
    assert usable == ["gcp-cost-billing", "gcp-cost-monthly_by_service"]
    assert "gcp/cost/daily_by_service.yml:" in str([vars(record) for record in caplog.records])
    with pytest.raises(NotFound, match=r"the templates are gcp/cost/billing, gcp/cost/monthly_by_service\.$"):
        get_template("gcp", "cost", "nothing")
    with pytest.raises(ConfigError, match=r"daily_by_service\.yml:\d+: "):
        get_template("gcp", "cost", "daily_by_service")
