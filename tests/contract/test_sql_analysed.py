"""Google's SQL analyser accepts every statement that the product sends, with the tables of configs/tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml

from shared.adapters.bigquery.sql import Statement, load_statements, placeholders
from shared.adapters.stores.alert_costs import daily_statement, monthly_statement
from shared.adapters.stores.cost_statements import CHARGES, DAILY, costs_statement, is_added_up
from shared.adapters.stores.reconciliation import SOURCES, reconciliation_statement
from shared.configuration.platform_config import CONFIGS
from shared.configuration.tables import get_tables
from shared.configuration.templates import all_templates, sql_files
from shared.domain.alerts.rules import AnomalyRule, BudgetRule
from shared.domain.cost_properties import GROUPS
from shared.domain.costs import METRICS, CostRequest
from shared.domain.templates.template_parsing import parse_template
from shared.domain.templates.templates import Target, Template
from shared.domain.virtual_tags import OPERATORS, VirtualTagRequest
from shared.pipeline.billing_periods import focus_targets
from shared.pipeline.check_statements import RenderedCheck, checks_statement
from shared.pipeline.publish import publish_statement
from shared.pipeline.statements import day_column, template_statements
from tools.sqljudge.analyse import SqlRefused, analyse, missing_required
from tools.sqljudge.sent import DATASETS, rendered_checks, sql_of, staged_tables, tables, template_statement

pytestmark = pytest.mark.judge

ROOT = CONFIGS.parent
FILES = ("checks.sql", "comparisons.sql", "guards.sql", "table_checks.sql")
ALERT_COSTS = ROOT / "shared" / "sql" / "alert_costs.sql"
ASKED = [
    *({"group_by": group, "filter": "service:x;service:y;category:"} for group in GROUPS),
    {"group_by": "service", "filter": "tag:team=data;sku:x"},
    *({"group_by": "tag:team", "metric": metric} for metric in METRICS),
    {"group_by": "service", "currency": "EUR"},
]
SUMS = ROOT / "shared" / "sql" / "pipeline" / "daily_costs.sql"
CHECKS = [ROOT / "shared" / "sql" / "pipeline" / name for name in FILES]
EVERY_KIND = """
description: d
owner: o
credentials: GCP
parameters: {most: {type: integer, description: d}}
steps: [{id: extract, uses: gcp_billing_export}]
checks:
  - {id: a, uses: not_null, step: extract, with: {columns: [cost], sample_columns: [cost_type]}}
  - {id: b, uses: unique, step: extract, with: {columns: [x_usage_date, x_source]}}
  - {id: c, uses: accepted_values, step: extract, with: {column: cost_type, values: [tax]}}
  - {id: d, uses: range, step: extract, with: {column: cost, minimum: 0, maximum: "{most}"}}
  - {id: e, uses: range, step: extract, with: {column: x_usage_date, minimum: 2020-01-01, maximum: 2100-01-01}}
  - {id: f, uses: range, step: extract, with: {column: export_time, maximum: 2100-01-01T00:00:00Z, inclusive: false}}
  - {id: g, uses: row_count, step: extract, with: {minimum: 1}}
  - {id: h, uses: row_count, step: extract, with: {last_runs: 7, tolerance_percent: 50}}
  - {id: i, uses: freshness, step: extract, with: {column: export_time, max_age_hours: 48}}
  - id: j
    uses: reconciliation
    step: extract
    with:
      by: [day, currency]
      observed: {step: extract, total: cost, keys: [x_usage_date, currency]}
      expected: {table: gcp_cost_billing, total: cost, keys: [x_usage_date, currency]}
  - {id: k, uses: matches_source, step: extract}
  - {id: l, uses: not_emptied, step: extract, with: {table: gcp_cost_billing}}
  - {id: m, uses: null_rates, step: extract, with: {table: gcp_cost_billing}}
publish: [{table: gcp_cost_billing, step: extract, date_column: x_usage_date, billed: billed_by_day}]
"""


@dataclass(frozen=True)
class Case:
    """A statement as a run would send it, and its file and name."""

    place: str
    statement: Statement

    def sql(self) -> str:
        return sql_of(self.statement)


def every_file() -> list[Path]:
    return sorted([*(ROOT / "shared" / "sql").rglob("*.sql"), *CONFIGS.rglob("*.sql")])


def cases() -> Iterator[Case]:
    for path in every_file():
        if path in (*CHECKS, SUMS):  # every_kind_of_check and composed_cases fill them
            continue
        if path in COMPOSED:
            yield from COMPOSED[path]()
            continue
        if path == ALERT_COSTS:
            yield from alert_cost_cases()
            continue
        for statement in load_statements(path).values():
            place = f"{path.relative_to(ROOT)}:{statement.name}"
            if placeholders(statement.text) <= DATASETS.keys():
                yield Case(place, statement)
            else:
                yield from filled_cases(place, path, statement)


def cost_cases() -> Iterator[Case]:
    """The statement of the costs as the store fills it, by group, tag and metric."""
    days = {"from": "2025-11-01", "to": "2025-11-30"}
    yield from tag_cases()
    for asked in ASKED:
        request = CostRequest.model_validate(days | asked)
        for table in (DAILY, CHARGES) if is_added_up(request) else (CHARGES,):
            for with_periods in (True, False):
                place = f"costs by {request.group_by}, {request.metric} from {table}, {with_periods}"
                yield Case(place, costs_statement(request, table=table, with_periods=with_periods).statement)


def tag_cases() -> Iterator[Case]:
    """Virtual tags with every operator, over columns that both tables have, and over tags."""
    for named in ("region", "tag:team"):
        when = [{"property": named, "operator": operator, "values": ["x"]} for operator in OPERATORS]
        tag = VirtualTagRequest.model_validate({"rules": [{"value": "a", "when": when}] * 2, "default": "b"})
        days = {"from": "2025-11-01", "to": "2025-11-30", "group_by": "virtual:it", "filter": "virtual:it=a"}
        asked = costs_statement(CostRequest.model_validate(days), tags={"it": tag})
        yield Case(f"costs by a virtual tag over {named}", asked.statement)


def reconciliation_cases() -> Iterator[Case]:
    """The statement of the reconciliation as the store fills it, for a tenant with all tables and one with none."""
    for tables_there in (SOURCES, ()):
        yield Case(f"reconciliation of {tables_there}", reconciliation_statement(tables_there))


COMPOSED = {
    ROOT / "shared" / "sql" / "costs.sql": cost_cases,
    ROOT / "shared" / "sql" / "reconciliation.sql": reconciliation_cases,
}


def alert_cost_cases() -> Iterator[Case]:
    """The statements of the costs for alerts as the store fills them, with a filter and without."""
    for asked in ({}, {"metric": "effective", "filter": "account:0A1B2C"}):
        budget = BudgetRule.model_validate({"amount": "1", "currency": "USD", **asked})
        anomalies = AnomalyRule.model_validate({"minimum_amount": "1", "currency": "USD", **asked})
        yield Case(f"months of a budget, {asked}", monthly_statement(budget))
        yield Case(f"days of anomalies, {asked}", daily_statement(anomalies))


def composed_cases() -> Iterator[Case]:
    """The statements that a run of each template sends, composed by the product itself."""
    for template in all_templates():
        for adds_up_all in (False, True):
            publish = publish_statement(template, staged_tables(template), adds_up_all=adds_up_all)
            yield Case(f"publish of {template.pipeline_id}, {adds_up_all}", publish)
        yield Case(f"checks of {template.pipeline_id}", checks_statement(rendered_checks(template))[0])


def every_kind_of_check() -> list[RenderedCheck]:
    """Each statement of the files in CHECKS at least once, over a table that all templates may read."""
    template = parse_template(
        yaml.safe_load(EVERY_KIND), provider="gcp", domain="cost", template="billing", file="every kind"
    )
    return rendered_checks(template)


def filled_cases(place: str, path: Path, statement: Statement) -> Iterator[Case]:
    """A statement with more placeholders, as each template that uses it would fill them."""
    if path.is_relative_to(CONFIGS):
        yield from template_cases(place, path, statement)
        return
    for template in all_templates():
        for target in focus_targets(template) if path.name == "billing_periods.sql" else template.publish:
            name = f"{place} for {template.pipeline_id}, {target.table}"
            yield Case(name, fill(statement, template, target))


def template_cases(place: str, path: Path, statement: Statement) -> Iterator[Case]:
    """A template's own statement over what its steps stage: whole, with the statements inside it."""
    for template in all_templates():
        if path not in sql_files(template):
            continue
        yield Case(f"{place} for {template.pipeline_id}", template_statement(template, statement.name))


def fill(statement: Statement, template: Template, target: Target) -> Statement:
    columns = [column.name for column in get_tables("tenant_dataset")[target.table].columns]
    published, staged = f"{{dataset}}.{target.table}", f"{{staging}}.staged_{target.table}"
    billed = template_statements(template)[target.billed]
    parts: dict[str, str | list[str] | Statement] = {
        "staged": staged,
        "target": published,
        "rows": staged,
        "columns": columns,
        "date_column": day_column(target.table, target.date_column),
        "billed": billed.naming(rows=staged),
        "billed_before": billed.naming(rows=published),
        "billed_after": billed.naming(rows=staged),
    }
    restated = load_statements(ROOT / "shared" / "sql" / "pipeline" / "publish.sql")["restated_days"]
    changes = load_statements(ROOT / "shared" / "sql" / "pipeline" / "billing_periods.sql")["period_changes"]
    parts["period_changes"] = changes.naming(**{name: parts[name] for name in ("staged", "target", "date_column")})
    parts["restated"] = restated.naming(**{name: parts[name] for name in ("billed_before", "billed_after")})
    wanted = placeholders(statement.text) - DATASETS.keys()
    assert wanted <= parts.keys(), f"nobody says what {sorted(wanted - parts.keys())} stand for"
    return statement.naming(**{name: parts[name] for name in wanted})


@cache
def required() -> dict[str, frozenset[str]]:
    every = {**get_tables("tenants"), **get_tables("tenant_dataset")}
    return {
        name: frozenset(column.name for column in table.columns if column.mode == "REQUIRED")
        for name, table in every.items()
    }


KINDS = every_kind_of_check()
CASES = [
    *cases(),
    *composed_cases(),
    *(Case(f"check {item.check_id}, {item.statement.name}", item.statement) for item in KINDS),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.place)
def test_statement_is_valid_googlesql_over_our_tables(case: Case) -> None:
    analysed = analyse(case.sql(), tables(), case.statement.parameters)
    assert missing_required(analysed, required()) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.place)
def test_statement_uses_every_parameter_it_declares(case: Case) -> None:
    used = set(re.findall(r"(?<!@)@([a-z0-9_]+)", case.statement.text))
    assert used == set(case.statement.parameters)


@pytest.mark.parametrize("path", every_file(), ids=lambda path: str(path.relative_to(ROOT)))
def test_statement_opens_with_a_sentence(path: Path) -> None:
    for opening in re.finditer(r"^-- name: (\w+)\n(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        assert re.match(r"-- [A-Z]", opening[2]), f"{opening[1]} does not say what it does"


def test_every_statement_of_a_check_is_judged() -> None:
    named = {name for path in CHECKS for name in load_statements(path)}
    # Judged within the statement of reconciliation, and within templates' own checks.
    parts = {"totals_of_step", "totals_of_table", "failing_rows"}
    assert named - parts == {item.statement.name for item in KINDS}


def test_product_has_statements_to_judge() -> None:
    assert len(CASES) > 10


def test_misspelt_column_is_refused() -> None:
    case = next(case for case in CASES if case.place.endswith("auth.sql:find_key_owner"))
    misspelt = case.sql().replace("api_key_hash = @", "api_key_hsah = @")
    with pytest.raises(SqlRefused, match="api_key_hsah; Did you mean api_key_hash"):
        analyse(misspelt, tables(), case.statement.parameters)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT tenant_id FROM `tenants`.tenant_profile", "Table not found"),
        ("UPDATE `tenants`.tenant_profiles SET status = 1 WHERE TRUE", "cannot be assigned to status"),
        ("DELETE FROM `tenants`.tenant_profiles", "must have a WHERE clause"),
        ("SELECT @tenant_id", "Query parameter 'tenant_id' not found"),
        ("INSERT INTO `tenants`.dispatcher_state (epoch) VALUES (1) THEN RETURN epoch", "THEN RETURN is not supported"),
        ("DECLARE found INT64", "Unexpected keyword DECLARE"),
    ],
)
def test_statement_that_bigquery_would_refuse_is_refused(sql: str, message: str) -> None:
    with pytest.raises(SqlRefused, match=message):
        analyse(sql, tables(), {})


def test_temporary_table_is_known_to_later_statements() -> None:
    script = """
    CREATE TEMP TABLE moved AS SELECT tenant_id FROM `tenants`.tenant_profiles;
    SELECT tenant_id FROM moved;
    """
    kinds = [statement.kind for statement in analyse(script, tables(), {})]
    assert kinds == ["ResolvedCreateTableAsSelectStmt", "ResolvedQueryStmt"]


def test_insert_that_leaves_a_required_column_out_is_found() -> None:
    analysed = analyse("INSERT INTO `tenants`.tenant_profiles (tenant_id) VALUES ('acme')", tables(), {})
    assert missing_required(analysed, required()) == ["tenant_profiles.created_at", "tenant_profiles.status"]
