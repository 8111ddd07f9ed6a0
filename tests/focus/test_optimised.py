"""devcloud optimises large statements only: the product's statements have the same answer either way."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
from google.cloud import bigquery

from devcloud.server import Devcloud
from shared.configuration.templates import get_template
from shared.domain.templates.check_options import SqlCheck
from tests.support.focus import aws_rows
from tests.support.focus.statements import TEMPLATE, Json, Statements, credit, fee, row

GCP: list[Json] = [
    row(labels=[{"key": "team", "value": "a"}, {"key": "empty", "value": ""}]),
    row(credits=[credit("COMMITTED_USAGE_DISCOUNT", "-0.4")], currency="EUR"),
    fee("cud", "0.3"),
    row(cost_type="tax", cost="-0.1", sku=None, price=None, usage=None, cost_at_list=None, project=None),
]
AWS: list[Json] = aws_rows.every_kind()
FAULT = "ListCost = ListCost * 2, EffectiveCost = EffectiveCost - 1, ServiceName = '' WHERE TRUE"


@pytest.fixture(scope="module", params=["gcp", "aws"])
def provider(request: pytest.FixtureRequest, bigquery_client: bigquery.Client) -> Iterator[tuple[Statements, str]]:
    """The statements of a provider's template, and its staged rows."""
    dataset = f"both_{uuid.uuid4().hex[:12]}"
    bigquery_client.create_dataset(dataset)
    template = TEMPLATE if request.param == "gcp" else get_template("aws", "cost", "billing")
    statements = Statements(bigquery_client, dataset, template, f"{request.param}_cost_billing")
    yield statements, statements.staged(GCP if request.param == "gcp" else AWS)
    bigquery_client.delete_dataset(dataset, delete_contents=True)


def answers(statements: Statements, extract: str) -> dict[str, list[str]]:
    """The FOCUS rows, and the rows that each check finds when they are wrong. Their order is not theirs to keep."""
    table = statements.focus_table(extract)
    wrong = statements.planted(table, FAULT)
    checks = [
        check for check in statements.template.checks if isinstance(check, SqlCheck) and check.id.startswith("focus_")
    ]
    found = {check.id: statements.failing(check.with_.query, wrong, extract) for check in checks}
    found["focus"] = [dict(row.items()) for row in statements.client.list_rows(f"{statements.dataset}.{table}")]
    return {name: sorted(json.dumps(row, default=str, sort_keys=True) for row in rows) for name, rows in found.items()}


def test_an_optimised_statement_has_the_answer_of_the_unoptimised_one(
    provider: tuple[Statements, str], cloud: Devcloud
) -> None:
    plain = answers(*provider)
    with cloud.bigquery.optimiser.on():
        optimised = answers(*provider)
    assert optimised == plain
    assert len(plain["focus"]) >= len(GCP)
    assert sum(map(bool, plain.values())) >= 4, "several checks find the fault"
