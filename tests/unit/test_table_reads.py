"""Which tables a template's statement may read, and with which conditions."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.authoring.cli import main
from shared.configuration.templates import read_template
from shared.errors import ConfigError, InvalidTemplate
from shared.pipeline.plan import plan_steps
from shared.pipeline.steps.sql import refuse_foreign_tables
from shared.pipeline.table_reads import foreign_tables, names_given, problems_of_reads
from tests.support.template_copies import copied_below, printed_by, replaced

FUNCTIONS = ["acme.fn()", "`acme.fn`()", "`acme`.`fn`()", "p.acme.fn()"]
TABLE = "FROM {dataset}.gcp_cost_billing"
BOUND = "x_source = @source AND day IN UNNEST(@dates)"


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a template and its SQL under the current directory's configs/."""
    monkeypatch.chdir(tmp_path)
    return copied_below(tmp_path)


@pytest.mark.parametrize(
    ("sql", "foreign"),
    [
        ("SELECT 1 FROM acme.gcp", ["acme.gcp"]),
        ("SELECT 1 FROM `acme.gcp`", ["`acme.gcp`"]),
        ("SELECT 1 FROM my-project.acme.gcp", ["my-project.acme.gcp"]),
        ("SELECT 1 FROM/* a */acme . gcp", ["acme.gcp"]),
        ("SELECT 1.FROM acme.gcp", ["acme.gcp"]),
        ("SELECT 1 FROM {dataset}.a, acme.b", ["acme.b"]),
        ("SELECT 1 FROM {dataset}.a AS a JOIN {b} ON a.group = 1, acme.c", ["acme.c"]),
        ("SELECT 1 FROM {dataset}.a JOIN (acme.b) USING (x)", ["acme.b"]),
        ("SELECT 1 FROM ((acme.t JOIN {a} USING (x)))", ["acme.t"]),
        ("SELECT 1 FROM UNNEST(@a) WITH OFFSET AS o, acme.t", ["acme.t"]),
        ("SELECT (SELECT 1 FROM acme.t), EXISTS(SELECT 1 FROM acme.u)", ["acme.t", "acme.u"]),
        ("SELECT 1 UNION ALL SELECT 1 FROM acme.t", ["acme.t"]),
        ("WITH acme AS (SELECT 1) SELECT 1 FROM acme.t", ["acme.t"]),
        ("WITH my AS (SELECT 1) SELECT 1 FROM my-project.a.t", ["my-project.a.t"]),
        ("SELECT 1 FROM {dataset}.INFORMATION_SCHEMA.TABLES", ["{dataset}.INFORMATION_SCHEMA.TABLES"]),
        ("SELECT 1 FROM {dataset}", ["{dataset}"]),
        ("SELECT 1 FROM EXTERNAL_QUERY('a', 'b')", ["EXTERNAL_QUERY()"]),
        ("SELECT 1 FROM APPENDS(TABLE acme.t)", ["APPENDS()"]),
        ("SELECT 1 FROM {dataset}.a |> AGGREGATE COUNT(*)", ["|>"]),
        ("SELECT acme.fn(1), `acme.fn`(1), `acme`.`fn` (1), p.acme.fn(1)", FUNCTIONS),
        ("SELECT SAFE.acme.fn(1), (1).(acme.fn)(2)", ["acme.fn()", ".()"]),
        ("SELECT SAFE.ABS(1), NET.HOST(a), safe.net.HOST(a), {dataset}.fn(1), ('a').UPPER(), a.b IN (1)", []),
        ("SELECT 1; SELECT 2", [";"]),
        ("UPDATE acme.t SET a = 1 WHERE TRUE", ["UPDATE"]),
        ("SELECT 1 FROM {dataset}.a AS a, UNNEST(a.credits) AS c JOIN {step} USING (x)", []),
        ("SELECT 1 FROM (WITH a AS (SELECT 1), b AS (SELECT 2) SELECT 1 FROM a, B)", []),
        ("SELECT EXTRACT(YEAR FROM a.b), a.b IS NOT DISTINCT FROM c.d FROM {step} AS a", []),
        ("SELECT 'FROM acme.t', \"FROM acme.t\", '''it's FROM acme.t''' # FROM acme.t\n-- FROM acme.t", []),
        ("SELECT * EXCEPT (a) FROM {dataset}.`b` FOR SYSTEM_TIME AS OF @snapshot_at WHERE x IN (1, 2)", []),
    ],
)
def test_only_the_tenants_dataset_steps_and_own_names_may_be_read(sql: str, foreign: list[str]) -> None:
    assert foreign_tables(sql, names_given([sql])) == foreign


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        (f"SELECT 1 FROM {{dataset}}.a WHERE {BOUND}", None),
        ("SELECT 1 FROM {dataset}.a AS t WHERE (@source = t.x_source) AND DATE(d) IN UNNEST(@dates)", None),
        (f"SELECT 1 FROM {{dataset}}.a WHERE {BOUND} AND (b OR c)", None),
        ("SELECT 1 FROM {dataset}.other", None),
        ("SELECT 1 FROM {dataset}.a", "x_source = @source, and a day IN UNNEST(@dates)"),
        ("SELECT 1 FROM {dataset}.a WHERE day IN UNNEST(@dates)", "in its WHERE: x_source = @source"),
        ("SELECT x_source = @source FROM {dataset}.a WHERE d IN UNNEST(@dates)", "in its WHERE: x_source = @source"),
        ("SELECT 1 FROM {dataset}.a WHERE x_source = @source AND d = @dates[OFFSET(0)]", "a day IN UNNEST(@dates)"),
        ("SELECT 1 FROM {dataset}.a WHERE x_source = @source AND d NOT IN UNNEST(@dates)", "a day IN UNNEST(@dates)"),
        (f"SELECT 1 FROM {{dataset}}.a WHERE {BOUND} AND d = @dates[OFFSET(0)]", "reads one day of @dates"),
        (f"SELECT 1 FROM {{dataset}}.a WHERE {BOUND} OR TRUE", "an OR beside its conditions"),
        (f"SELECT 1 FROM {{dataset}}.a WHERE ({BOUND} OR TRUE)", "x_source = @source, and a day"),
        (f"SELECT 1 FROM {{dataset}}.a JOIN {{dataset}}.b USING (c) WHERE {BOUND}", "once for each of its tables"),
        (f"SELECT 1 FROM {{dataset}}.a WHERE {BOUND} UNION ALL SELECT 1 FROM {{dataset}}.b", "x_source = @source, and"),
        (f"SELECT 1 FROM (SELECT 1 FROM {{dataset}}.a) WHERE {BOUND}", "x_source = @source, and a day"),
    ],
)
def test_a_read_of_published_rows_must_keep_to_source_and_days(sql: str, problem: str | None) -> None:
    found = [text for _, text in problems_of_reads(sql, {"a", "b"})]
    assert len(found) == (problem is not None)
    assert problem is None or problem in found[0]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (TABLE, "FROM acme_corp_12312025.gcp_cost_billing", "write {dataset}.gcp_cost_billing"),
        ("COUNT(*)", "acme.fn(1)", "acme.fn() is refused: call only BigQuery's own functions"),
        (TABLE, "FROM tenants.tenant_api_keys", "tenants.tenant_api_keys is not in the dataset of the run's tenant"),
        ("WHERE x_source = @source\n  AND", "WHERE", "reads gcp_cost_billing: the SELECT must have in its WHERE"),
        ("currency AS billing_currency", "currency", "a publish reads billing_currency"),
        ("IN UNNEST(@dates)", "= @dates[OFFSET(0)]", "a day IN UNNEST(@dates)"),
    ],
)
def test_validate_and_a_run_refuse_the_same_reads(
    template: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, text: str
) -> None:
    line = replaced(template.with_suffix(".sql"), old, new)
    problem = printed_by(main, ["validate", str(template)], capsys)[0]
    assert text in problem
    if old == TABLE:
        assert problem.startswith(f"configs/gcp/cost/daily_by_service.sql:{line}: ")
    with pytest.raises(ConfigError) as refused:
        plan_steps(
            read_template(template, file=template.name),
            tenant_id="acme_corp",
            parameters={"date": "2025-11-17"},
            source="gcp:a.b.c",
            snapshot_at=None,  # type: ignore[arg-type]  # only the hash uses it
            watermark=None,
        )
    assert problem == f"configs/{refused.value.message}"


def test_the_expected_side_of_a_reconciliation_must_keep_to_source_and_days_too(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = template.with_suffix(".sql").read_text()
    first, second = text.split("-- name: billed_credits")
    template.with_suffix(".sql").write_text(
        f"{first}-- name: billed_credits{second.replace('x_source = ', 'TRUE OR @source = ', 1)}"
    )
    assert "billed_credits: reads gcp_cost_billing: " in printed_by(main, ["validate", str(template)], capsys)[0]


def test_sums_that_no_check_compares_with_their_source_are_refused(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = template.read_text()
    start, end = text.index("  - id: same_cost"), text.index("  - {id: days_not_emptied")
    template.write_text(text[:start] + text[end:])
    (problem,) = printed_by(main, ["validate", str(template)], capsys)
    assert "publish.0.step: summary adds up gcp_cost_billing, and no check compares the two" in problem
    assert "expected: {table: gcp_cost_billing, " in problem


@pytest.mark.parametrize(
    ("read", "is_own"), [(("p", "acme", "t"), True), (("p", "other", "t"), False), (("q", "acme", "t"), False)]
)
def test_a_job_that_read_another_dataset_fails_its_run(read: tuple[str, str, str], is_own: bool) -> None:
    own = {("p", "acme"), ("p", "x_staging")}
    if is_own:
        refuse_foreign_tables("summary", [read], own)
        return
    with pytest.raises(InvalidTemplate, match=r"steps\.summary read t, which is not in the dataset"):
        refuse_foreign_tables("summary", [read], own)
