"""GET restatements: what changed after it had been published, when, by how much, and by which run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud import bigquery

from shared.domain.costs import RESTATED
from tests.conftest import JobsOf, MakeFrontend
from tests.support.frontend import Frontend
from tests.support.tenant_rows import load, restatement


def path_of(frontend: Frontend) -> str:
    return f"/api/v1/costs/{frontend.tenant_id}/restatements"


def restatements_of(frontend: Frontend, **query: Any) -> dict[str, Any]:
    answer = frontend.api.get(path_of(frontend), params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture(scope="module")
def restated(make_frontend: MakeFrontend, bigquery_client: bigquery.Client) -> Iterator[Frontend]:
    """A tenant with four changes of focus_cost, a day published again as it was, and a change of another table."""
    frontend = make_frontend()
    frontend.store_keyless()
    changes = [
        restatement("2025-11-21T00:00:00Z", cost_before="9", cost_after="8.5", rows_before=2, rows_after=1),
        restatement("2025-11-22T00:00:00Z", cost_before=None, cost_after="1", billing_currency="EUR"),
        restatement("2025-11-22T00:00:00Z", cost_before="1", cost_after=None, usage_date="2025-11-16"),
        restatement("2025-11-20T00:00:00Z", cost_before="9", cost_after="9", rows_before=1, rows_after=2),
        restatement("2025-11-23T00:00:00Z", cost_before="9", cost_after="9", rows_before=2, rows_after=2),
        restatement("2025-11-22T00:00:00Z", cost_after="1", table_name="gcp_cost_billing"),
    ]
    load(bigquery_client, f"{frontend.tenant_id}.x_meta_restatements", changes)
    yield frontend
    frontend.api.session.close()


def test_restatements_say_what_changed_when_by_how_much_and_by_which_run(restated: Frontend) -> None:
    answer = restatements_of(restated)
    assert answer["next_page_token"] is None
    found = answer["restatements"]
    assert [(row["usage_date"], row["billing_currency"], row["billed_cost_change"]) for row in found] == [
        ("2025-11-16", "USD", "-1"),
        ("2025-11-15", "EUR", "1"),
        ("2025-11-15", "USD", "-0.5"),
        ("2025-11-15", "USD", "0"),
    ]
    assert found[2] == {
        "restated_at": "2025-11-21T00:00:00Z",
        "usage_date": "2025-11-15",
        "billing_currency": "USD",
        "billed_cost_change": "-0.5",
        "billed_cost_before": "9",
        "billed_cost_after": "8.5",
        "rows_before": 2,
        "rows_after": 1,
        "source": "s",
        "pipeline_logging_id": "run",
    }


def test_pages_of_restatements_hold_each_change_once(restated: Frontend) -> None:
    pages: list[Any] = []
    token = None
    while not pages or token:
        answer = restatements_of(restated, limit=1, **({"page_token": token} if token else {}))
        pages.append(answer["restatements"])
        token = answer["next_page_token"]
    assert [row for page in pages for row in page] == restatements_of(restated)["restatements"]
    assert len(pages) == 4


def test_restatements_of_some_days_or_since_a_moment(restated: Frontend) -> None:
    since = restatements_of(restated, since="2025-11-21T00:00:00Z")["restatements"]
    assert [row["restated_at"] for row in since] == ["2025-11-22T00:00:00Z"] * 2
    of_a_day = restatements_of(restated, **{"from": "2025-11-16", "to": "2025-11-16"})["restatements"]
    assert [row["usage_date"] for row in of_a_day] == ["2025-11-16"]


def test_restatements_as_csv(restated: Frontend) -> None:
    path, query = path_of(restated), {"to": "2025-11-15", "since": "2025-11-21T00:00:00Z"}
    answer = restated.api.get(path, params=query, headers={"Accept": "text/csv"})
    assert answer.text.splitlines() == [
        ",".join(RESTATED),
        "2025-11-22T00:00:00Z,2025-11-15,EUR,1,0,1,0,0,s,run",
    ]


def test_a_repeated_question_about_restatements_takes_no_job(restated: Frontend, jobs_of: JobsOf) -> None:
    path = path_of(restated)
    first, again = (restated.api.get(path, params={"limit": 7}) for _ in range(2))
    assert first.json() == again.json()
    statements = [job["labels"]["statement"] for job in jobs_of(first.headers["X-Request-ID"])]
    assert set(statements) - {"find_key_owner"} == {"list_restatements"}
    assert len(statements) <= 2
    assert jobs_of(again.headers["X-Request-ID"]) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"limit": "0"}, "limit: must be at least 1"),
        ({"since": "yesterday"}, "since: must be a time with its offset"),
        ({"since": "1763164800"}, "since: must be a time with its offset"),
        ({"to": "0"}, "to: must be a day as YYYY-MM-DD"),
        ({"limit": "1_0"}, "limit: must be an integer"),
        ({"from": "2025-12-02", "to": "2025-12-01"}, "to: must not be before `from`"),
        ({"page_token": "next"}, "page_token: is not a token of this list"),
        ({"table": "focus_cost"}, "table: is unknown"),
    ],
)
def test_an_invalid_request_for_restatements_is_refused_with_the_field(
    restated: Frontend, query: dict[str, Any], says: str
) -> None:
    answer = restated.api.get(path_of(restated), params=query)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_tenant_without_a_dataset_has_no_restatements(frontend: Frontend) -> None:
    assert restatements_of(frontend)["restatements"] == []


def test_another_tenants_key_is_refused(restated: Frontend, frontend: Frontend) -> None:
    assert frontend.api.get(path_of(restated)).status_code == 403
