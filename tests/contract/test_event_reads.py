"""Reads of a tenant's events bill only its own events, because they are clustered and every read names the tenant."""

from __future__ import annotations

import re

import pytest
import yaml

from shared.adapters.bigquery.sql import load_statements
from shared.configuration.platform_config import CONFIGS

EVENTS = "pipeline_run_events"
READ = re.compile(rf"(?:FROM|JOIN) \{{tenants\}}\.{EVENTS}\b.*(?P<where>(?:\n.*){{1,3}})")
# The dispatcher and the operator's functions look at all tenants at once.
OF_ALL_TENANTS = {"read_forgotten", "read_queue", "read_unclosed", "read_status"}
STATEMENTS = {
    statement.name: statement
    for path in (CONFIGS.parent / "shared/sql").rglob("*.sql")
    for statement in load_statements(path).values()
    if READ.search(statement.text)
}


def test_events_are_clustered_by_tenant_and_run() -> None:
    table = yaml.safe_load((CONFIGS / f"tables/tenants/{EVENTS}.yml").read_text())
    assert table["clustering"] == ["tenant_id", "run_id"]


def test_only_known_statements_read_events_of_all_tenants() -> None:
    assert {name for name, found in STATEMENTS.items() if "tenant_id" not in found.parameters} == OF_ALL_TENANTS


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - OF_ALL_TENANTS))
def test_a_read_of_one_tenants_events_names_the_tenant(name: str) -> None:
    reads = READ.findall(STATEMENTS[name].text)
    assert [read for read in reads if "tenant_id = @tenant_id" not in read] == []
