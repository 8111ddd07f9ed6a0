"""The writers and readers in configs/tables, from which Terraform grants rights, equal those in the functions' code."""

import pytest

from shared.configuration.tables import Table, get_tables
from tests.support.contract.rights import ROOT, rights_from, rights_of, statement_rights

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))


def declared(right: str, function: str) -> set[str]:
    return {name for name, table in get_tables("tenants").items() if function in _named(right, table)}


def _named(right: str, table: Table) -> list[str]:
    match right:
        case "read":
            return table.read_by
        case "append":
            return [writer["function"] for writer in table.appended_by]
        case _:
            return [*table.mutated_by, *table.removed_by]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_rights_on_tables_are_those_it_uses(function: str) -> None:
    used = rights_of(function)
    assert used["change"] == declared("change", function)
    assert used["append"] == declared("append", function) - declared("change", function)
    assert used["read"] == declared("read", function)


def test_the_operators_rights_are_those_of_its_command() -> None:
    used = rights_from(ROOT / "shared" / "commands" / "reencrypt.py")
    assert used["change"] == declared("change", "operator") == {"alert_rules", "tenant_cloud_credentials"}
    assert used["append"] | used["read"] == set()
    assert declared("append", "operator") | declared("read", "operator") == set()


def test_whoever_changes_a_table_is_not_listed_as_its_reader_too() -> None:
    def both(table: Table) -> set[str]:
        return set(table.read_by) & {*table.mutated_by, *table.removed_by}

    assert not {name: both(table) for name, table in get_tables("tenants").items() if both(table)}


def test_the_analysis_follows_bootstrap_and_computed_names() -> None:
    # The code of setup_credentials computes the name of its statement.
    assert rights_of("setup_credentials")["change"] == {"tenant_cloud_credentials"}
    assert "tenant_usage_quotas" in rights_of("process_queue")["change"]  # bootstrap builds it


def test_a_statement_needs_the_rights_of_its_parts() -> None:
    assert ("read", "tenant_subscriptions") in statement_rights("dispatch_read")["read_queue"]
    # list_runs includes seen_runs, which includes aged_queue.
    assert ("read", "pipeline_execution_queue") in statement_rights("run_log")["list_runs"]
