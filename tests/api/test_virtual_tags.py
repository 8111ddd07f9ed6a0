"""Virtual tags: stored rules group and filter costs, in SQL as in Python, whatever texts they have."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from google.cloud import bigquery
from hypothesis import given, settings
from hypothesis import strategies as st

from devcloud.clients import warehouse_of
from shared.adapters.stores.cost_statements import costs_statement
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from shared.domain.cost_properties import Property
from shared.domain.costs import CostRequest
from shared.domain.virtual_tags import MAX_TAGS, VirtualTagRequest, value_of
from tests.conftest import JobsOf, MakeFrontend
from tests.support.frontend import Frontend
from tests.support.tenant_rows import charge, load

NOVEMBER: dict[str, Any] = {"from": "2025-11-01", "to": "2025-11-30"}
TEXTS = ("", "a", "A", "ab", "b", 'it\'s "q" \\ @x {y}', "ä%_")
# A charge for each combination of two properties. Each has a cost of its own, so a sum says which charges it has.
CHARGES: list[dict[str, Any]] = [
    {"region": region, "team": team, "cost": Decimal(2**number)}
    for number, (region, team) in enumerate((region, team) for region in TEXTS for team in TEXTS)
]
CONDITIONS = st.builds(
    lambda of, operator, values: {"property": of, "operator": operator, "values": values},
    st.sampled_from(["region", "tag:te\"am'"]),
    st.sampled_from(["equals", "starts_with", "contains"]),
    st.lists(st.sampled_from(TEXTS[1:]), min_size=1, max_size=3),
)
RULES = st.fixed_dictionaries(
    {"value": st.sampled_from(TEXTS[1:]), "when": st.lists(CONDITIONS, min_size=1, max_size=3)}
)
TAGS = st.fixed_dictionaries(
    {"rules": st.lists(RULES, min_size=1, max_size=5), "default": st.none() | st.sampled_from(TEXTS[1:])}
)
BY_ENV: dict[str, Any] = {
    "rules": [
        {"value": "Production", "when": [{"property": "region", "operator": "starts_with", "values": ["ab"]}]},
        {"value": "Test", "when": [{"property": "region", "values": ["b", ""]}]},
    ],
    "default": "Other",
}


@pytest.fixture(scope="module")
def spender(make_frontend: MakeFrontend, bigquery_client: bigquery.Client) -> Iterator[Frontend]:
    """A tenant whose focus_cost has CHARGES."""
    frontend = make_frontend()
    frontend.store_keyless()
    for table in ("focus_cost", "focus_billing_period"):
        make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", table))
    rows = [
        charge(
            "2025-11-15",
            BilledCost=str(found["cost"]),
            RegionId=found["region"] or None,
            Tags={"te\"am'": found["team"]} if found["team"] else {},
        )
        for found in CHARGES
    ]
    load(bigquery_client, f"{frontend.tenant_id}.focus_cost", rows)
    yield frontend
    frontend.api.session.close()


def path_of(frontend: Frontend, name: str = "") -> str:
    return f"/api/v1/costs/{frontend.tenant_id}/virtual-tags{'/' * bool(name)}{name}"


def test_sql_gives_each_charge_the_value_that_the_rules_give(
    spender: Frontend, bigquery_client: bigquery.Client
) -> None:
    warehouse = warehouse_of(bigquery_client)

    @settings(max_examples=25)
    @given(body=TAGS)
    def check(body: dict[str, Any]) -> None:
        tag = VirtualTagRequest.model_validate(body)
        wanted: dict[str | None, Decimal] = {}
        for found in CHARGES:
            properties = {Property("column", "region"): found["region"], Property("tag", "te\"am'"): found["team"]}
            value = value_of(tag, properties)
            wanted[value] = wanted.get(value, Decimal(0)) + found["cost"]
        request = CostRequest.model_validate(NOVEMBER | {"group_by": "virtual:it", "granularity": "total"})
        asked = costs_statement(request, tags={"it": tag})
        (row,) = warehouse.read(asked.statement, asked.values, dataset=spender.tenant_id)
        assert {each["group_name"]: each["cost"] for each in row["sums"]} == wanted

    check()


def test_a_stored_tag_groups_and_filters_costs(spender: Frontend, jobs_of: JobsOf) -> None:
    stored = spender.api.put(path_of(spender, "environment"), BY_ENV, headers={"X-User-ID": "user_4711"})
    assert stored.status_code == 200, stored.text
    again = spender.api.put(path_of(spender, "environment"), BY_ENV, headers={"X-User-ID": "user_4711"})
    assert stored.json() | {"updated_at": ""} == again.json() | {"updated_at": ""}
    assert stored.json()["rules"][1]["when"] == [{"property": "region", "operator": "equals", "values": ["b", ""]}]
    assert spender.api.get(path_of(spender)).json() == {"virtual_tags": [again.json()]}

    query = NOVEMBER | {"group_by": "virtual:environment", "granularity": "total"}
    answer = spender.api.get(f"/api/v1/costs/{spender.tenant_id}", params=query)
    (block,) = answer.json()["currencies"]
    sums = {group["name"]: Decimal(group["cost"]) for group in block["groups"]}
    assert sums.keys() == {"Production", "Test", "Other"}
    assert {"read_virtual_tags", "read_costs"} == {
        job["labels"]["statement"] for job in jobs_of(answer.headers["X-Request-ID"])
    } - {"find_key_owner"}
    only = {"group_by": "service", "filter": "virtual:environment=Test;virtual:environment=Production"}
    (filtered,) = spender.api.get(f"/api/v1/costs/{spender.tenant_id}", params=query | only).json()["currencies"]
    assert Decimal(filtered["cost"]) == sums["Test"] + sums["Production"]

    assert spender.api.delete(path_of(spender, "environment")).json() == {"name": "environment", "status": "DELETED"}
    assert spender.api.delete(path_of(spender, "environment")).status_code == 404
    gone = spender.api.get(f"/api/v1/costs/{spender.tenant_id}", params=query | {"top": 7})
    assert (gone.status_code, gone.json()["errors"][0]["field"]) == (400, "group_by")


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("Env", BY_ENV, "name: must begin with a small letter"),
        ("env", {"rules": []}, "rules: "),
        ("env", {"rules": [{"value": "x", "when": []}]}, "rules.0.when: "),
        ("env", {"rules": [{"value": "x", "when": [{"property": "colour", "values": ["a"]}]}]}, "must be one of"),
        ("env", {"rules": [{"value": "x", "when": [{"property": "virtual:a", "values": ["a"]}]}]}, "another virtual"),
        (
            "env",
            {"rules": [{"value": "x", "when": [{"property": "sku", "operator": "contains", "values": [""]}]}]},
            "every text contains the empty one",
        ),
        ("env", BY_ENV | {"rules": BY_ENV["rules"] * 51}, "rules: "),
        (
            "env",
            {"rules": [{"value": "x", "when": [{"property": "sku", "values": ["a"] * 199}] * 10}] * 2},
            "300 conditions and 2000 values at most",
        ),
    ],
)
def test_invalid_rules_are_refused_with_the_field(spender: Frontend, name: str, body: Any, says: str) -> None:
    answer = spender.api.put(path_of(spender, name), body)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_a_tenant_has_a_limited_number_of_tags(make_frontend: MakeFrontend, bigquery_client: bigquery.Client) -> None:
    frontend = make_frontend()
    assert frontend.api.put(path_of(frontend, "first"), BY_ENV).status_code == 409  # there is no dataset yet
    assert frontend.api.get(path_of(frontend)).json() == {"virtual_tags": []}
    assert frontend.api.delete(path_of(frontend, "first")).status_code == 404
    frontend.store_keyless()
    kept = {"rules": VirtualTagRequest.model_validate(BY_ENV).model_dump_json(), "updated_at": "2025-11-15T00:00:00Z"}
    rows = [{"name": f"tag{number}", **kept} for number in range(MAX_TAGS)]
    load(bigquery_client, f"{frontend.tenant_id}.x_meta_virtual_tags", rows)
    assert frontend.api.put(path_of(frontend, "one_more"), BY_ENV).status_code == 409
    assert frontend.api.put(path_of(frontend, "tag3"), BY_ENV).status_code == 200


def test_another_tenants_key_is_refused(spender: Frontend, frontend: Frontend) -> None:
    for answer in (
        frontend.api.get(path_of(spender)),
        frontend.api.put(path_of(spender, "environment"), BY_ENV),
        frontend.api.delete(path_of(spender, "environment")),
    ):
        assert answer.status_code == 403
