"""Google's SQL analyser accepts every sql step's statement, and its result has the columns that the template names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shared.adapters.bigquery.sql import Statement
from shared.configuration.templates import all_templates, get_template
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import Template
from tools.sqljudge.analyse import SqlRefused
from tools.sqljudge.sent import result_columns, shape_columns, sql_steps

pytestmark = pytest.mark.judge


@dataclass(frozen=True)
class Query:
    """A step's statement over the staging tables that it reads, and the table whose columns the result must have."""

    template: Template
    step: SqlStep
    statement: Statement

    def columns(self) -> dict[str, str]:
        """The result's columns and their types, as the analyser sees them; SqlRefused when it refuses the statement."""
        return result_columns(self.statement)


def queries() -> Iterator[Query]:
    for template in all_templates():
        for step, statement in sql_steps(template):
            yield Query(template, step, statement)


QUERIES = list(queries())


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.template.pipeline_id}.{query.step.id}")
def test_result_has_the_columns_of_its_shape(query: Query) -> None:
    assert query.columns() == shape_columns(query.step.with_.shape)


def daily() -> Query:
    template = get_template("gcp", "cost", "daily_by_service")
    return next(query for query in QUERIES if query.template == template)


def changed(query: Query, before: str, after: str) -> Query:
    text = query.statement.text
    assert before in text
    statement = Statement(query.statement.name, text.replace(before, after), query.statement.parameters)
    return Query(query.template, query.step, statement)


def test_misspelt_column_of_a_template_is_refused() -> None:
    with pytest.raises(SqlRefused, match="x_usage_dte; Did you mean x_usage_date"):
        changed(daily(), "AND x_usage_date IN", "AND x_usage_dte IN").columns()


def test_result_with_a_wrong_name_or_type_is_found() -> None:
    right = daily().columns()
    assert changed(daily(), "AS credit_amount", "AS credit_amout").columns() != right
    assert changed(daily(), "COUNT(*) AS row_count", "CAST(COUNT(*) AS STRING) AS row_count").columns() != right
