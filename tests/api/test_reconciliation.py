"""GET reconciliation: published costs beside the providers' own rows, invoice by invoice, to the last digit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud import bigquery

from convergence.app import main
from devcloud.clients import warehouse_of
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from tests.conftest import JobsOf, MakeFrontend
from tests.support.commands import environment, run
from tests.support.frontend import Frontend
from tests.support.tenant_rows import charge, load, row_of

AUTUMN = {"from": "2025-10-15", "to": "2025-11-30"}
OCTOBER, NOVEMBER = "2025-10-01", "2025-11-01"


def published(cost: str, period: str, **columns: Any) -> dict[str, Any]:
    return charge(period, BilledCost=cost, BillingPeriodStart=f"{period}T00:00:00Z", **columns)


FOCUS = [
    # Google Cloud's billing period begins at midnight in Los Angeles.
    charge("2025-11-01", BilledCost="7.5", BillingPeriodStart="2025-11-01T07:00:00Z", x_source="gcp"),
    published("3", OCTOBER, InvoiceIssuerName="AWS", InvoiceId="i-1", x_source="aws", x_pipeline_logging_id="old"),
    published(
        "-1", OCTOBER, InvoiceIssuerName="AWS", InvoiceId="i-1", x_source="aws", x_pipeline_logging_id="new",
        x_ingested_at="2025-11-05T00:00:00Z",
    ),
    published("4", NOVEMBER, InvoiceIssuerName="Microsoft", BillingCurrency="EUR", x_source="azure"),
    published("0.000000001", NOVEMBER, InvoiceIssuerName="A partner", BillingCurrency="EUR", x_source="azure"),
    published("5", "2025-09-01", x_source="gcp"),  # before the months that are asked for
]  # fmt: skip
OF_GCP: list[dict[str, Any]] = [
    {"cost": "8", "credits": [{"amount": "-0.5"}], "invoice": {"month": "202511"}},
    {"cost": "5", "invoice": {"month": "202509"}},
]
OF_AWS = [
    {"line_item_unblended_cost": "2", "line_item_line_item_type": "Usage", "bill_invoice_id": "i-1"},
    {"line_item_unblended_cost": "9", "line_item_line_item_type": "DiscountedUsage", "bill_invoice_id": "i-1"},
]
OF_AZURE = [
    {"CostInBillingCurrency": "4", "ChargeType": "Usage", "InvoiceId": ""},
    {"CostInBillingCurrency": "0.25", "ChargeType": "Usage"},
]
OF_FILES = [{"BilledCost": "6", "BillingCurrency": "USD", "InvoiceId": "o-1", "x_source": "oracle"}]


@pytest.fixture(scope="module")
def billed(make_frontend: MakeFrontend, bigquery_client: bigquery.Client) -> Iterator[Frontend]:
    """A tenant with rows of four kinds of sources, of which one equals what is published."""
    frontend = make_frontend()
    frontend.store_keyless()
    assert reconciliation_of(frontend, to="2025-12-31")["currencies"] == []  # set up, and nothing has run
    final = row_of("focus_billing_period", OCTOBER, BillingPeriodStatus="Closed", x_source="aws")
    gcp = {"currency": "USD", "x_source": "gcp"}
    aws = {"line_item_currency_code": "USD", "x_source": "aws"}
    azure = {"BillingCurrency": "EUR", "x_source": "azure", "x_export_kind": "ACTUAL"}
    rows = {
        "focus_cost": FOCUS,
        "focus_billing_period": [final, row_of("focus_billing_period", NOVEMBER, x_source="gcp")],
        "gcp_cost_billing": [row_of("gcp_cost_billing", NOVEMBER, **gcp, **row) for row in OF_GCP],
        "aws_cost_billing": [row_of("aws_cost_billing", OCTOBER, **aws, **row) for row in OF_AWS],
        "azure_cost_billing": [row_of("azure_cost_billing", NOVEMBER, **azure, **row) for row in OF_AZURE],
        "focus_cost_file": [row_of("focus_cost_file", OCTOBER, **row) for row in OF_FILES],
    }
    for table, those in rows.items():
        make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", table))
        load(bigquery_client, f"{frontend.tenant_id}.{table}", those)
    yield frontend
    frontend.api.session.close()


def path_of(frontend: Frontend) -> str:
    return f"/api/v1/costs/{frontend.tenant_id}/reconciliation"


def reconciliation_of(frontend: Frontend, **query: Any) -> dict[str, Any]:
    answer = frontend.api.get(path_of(frontend), params=AUTUMN | query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_each_currency_has_its_sums_and_each_invoice_its_difference(billed: Frontend) -> None:
    blocks = reconciliation_of(billed)["currencies"]
    assert [(block["billing_currency"], block["billed_cost"], block["source_cost"]) for block in blocks] == [
        ("EUR", "4.000000001", "4.25"),
        ("USD", "9.5", "15.5"),
    ]
    assert [block["difference"] for block in blocks] == ["-0.249999999", "-6.0"]
    lines = [line for block in blocks for line in block["lines"]]
    told = ("source", "invoice_issuer", "billing_period", "invoice_id", "billed_cost", "source_cost", "difference")
    assert [tuple(line[name] for name in told) for line in lines] == [
        ("azure", "A partner, Microsoft", NOVEMBER, None, "4.000000001", "4.25", "-0.249999999"),
        ("gcp", "x", NOVEMBER, None, "7.5", "7.5", "0.0"),
        ("aws", "AWS", OCTOBER, "i-1", "2", "2", "0"),
        ("oracle", None, OCTOBER, "o-1", "0", "6", "-6"),
    ]


def test_a_line_says_whether_it_is_final_and_which_run_published_it(billed: Frontend) -> None:
    lines = {line["source"]: line for line in reconciliation_of(billed, to="2025-11-01")["currencies"][1]["lines"]}
    told = ("is_final", "pipeline_logging_id", "read_at", "row_count", "source_row_count")
    assert {source: tuple(line[name] for name in told) for source, line in lines.items()} == {
        "aws": (True, "new", "2025-11-05T00:00:00Z", 2, 2),
        "gcp": (False, "x", "2025-11-01T00:00:00Z", 1, 1),
        "oracle": (False, None, None, 0, 1),
    }


def test_a_reconciliation_as_csv_has_a_row_for_each_line(billed: Frontend) -> None:
    query = {"from": "2025-10-01", "to": "2025-10-31"}
    answer = billed.api.get(path_of(billed), params=query, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    columns, aws, oracle = answer.text.splitlines()
    assert columns.startswith(
        "billing_currency,source,invoice_issuer,billing_period,invoice_id,billed_cost,source_cost,"
    )
    assert aws.startswith("USD,aws,AWS,2025-10-01,i-1,2,2,0,2,2,true,")
    assert oracle == "USD,oracle,,2025-10-01,o-1,0,6,-6,0,1,false,,,"


def test_a_reconciliation_takes_at_most_two_jobs_and_none_when_it_is_repeated(
    billed: Frontend, jobs_of: JobsOf
) -> None:
    query = {"from": "2025-09-01", "to": "2025-11-30"}
    first, again = (billed.api.get(path_of(billed), params=query) for _ in range(2))
    assert first.json() == again.json()
    statements = [job["labels"]["statement"] for job in jobs_of(first.headers["X-Request-ID"])]
    assert set(statements) - {"find_key_owner"} == {"reconcile_invoices"}
    assert len(statements) <= 2
    assert jobs_of(again.headers["X-Request-ID"]) == []


def test_the_command_line_shows_each_difference_and_has_status_1_then(billed: Frontend) -> None:
    given = {"CONVERGENCE_URL": billed.api.url, "CONVERGENCE_API_KEY": billed.tenant.api_key, "COLUMNS": "160"}
    with environment({"PATH": os.environ["PATH"], **given}):
        differs = run(main, "reconciliation", "--from", "2025-10-01", "--to", "2025-11-30")
        agrees = run(main, "reconciliation", "--from", "2025-09-01", "--to", "2025-09-30")
    assert (differs.returncode, differs.stderr) == (1, "")
    lines, september = ([" ".join(line.split()) for line in said.stdout.splitlines()] for said in (differs, agrees))
    assert "USD billed 9.5, source 15.5, difference -6.0" in lines
    assert "2025-10-01 AWS i-1 2 2 0 final" in lines
    assert "2025-10-01 - o-1 0 6 -6 not final" in lines
    assert (agrees.returncode, september[-1]) == (0, "2025-09-01 x - 5 5 0 not final")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"to": None}, "to: is missing"),
        ({"from": "2025-12-02", "to": "2025-12-01"}, "to: must not be before `from`"),
        ({"from": "2020-12-02"}, "to: must be at most 1200 days"),
        ({"to": "3000-01-01"}, "to: must be at most 2999"),
        ({"group_by": "service"}, "group_by: is unknown"),
    ],
)
def test_an_invalid_request_for_a_reconciliation_is_refused_with_the_field(
    billed: Frontend, query: dict[str, Any], says: str
) -> None:
    answer = billed.api.get(path_of(billed), params=AUTUMN | query)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_another_tenants_key_is_refused(billed: Frontend, frontend: Frontend) -> None:
    assert frontend.api.get(path_of(billed), params=AUTUMN).status_code == 403


def test_tenant_without_a_dataset_has_nothing_to_reconcile(frontend: Frontend) -> None:
    assert reconciliation_of(frontend)["currencies"] == []
