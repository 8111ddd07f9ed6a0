"""The settings that configs/platform.yml gives a function are those that its code reads."""

from __future__ import annotations

import ast

import pytest

from shared.configuration.platform_config import get_platform
from shared.configuration.settings import Settings
from tests.support.contract.rights import ROOT, nodes_from

FUNCTIONS = get_platform().functions
EVERYWHERE = {"PROJECT_ID", "BIGQUERY_LOCATION", "LOG_LEVEL", "K_SERVICE"}
# Without these settings Google's own addresses are used. A Terraform variable decides who may reach a function.
NEVER_GIVEN = {name.upper() for name in Settings.model_fields if name.endswith(("_endpoint", "_url"))} - {
    "FUNCTION_URL", "EXECUTE_RUN_URL", "PROCESS_QUEUE_URL", "VERIFY_CREDENTIALS_URL",
    "EVALUATE_ALERTS_URL", "SEND_ALERTS_URL", "CONSOLE_URL",
}  # fmt: skip
BY_VARIABLE = {"ADMIN_KEY_INGRESS"}
# The accounts of Cloud Tasks and of functions, which no person uses.
BY_THE_PLATFORM = {"tasks_invoker", "credentials", "console"}
# Shared code reads these settings. A function needs none of them if it dispatches no runs, if no browser calls it
# (only Cloud Tasks does), or if it reads the platform's own tables and no tenant's.
OPTIONAL = {
    "ADMIN_KEY_SECRET", "ALLOWED_ORIGINS", "CLOSE_QUEUE", "EXECUTE_QUEUE", "EXECUTE_RUN_URL", "MAX_BYTES_BILLED",
}  # fmt: skip


def settings_of(function: str) -> tuple[set[str], set[str]]:
    """The settings that a function's code reads, and those among them that it requires."""
    read, required = set(), set()
    for node in nodes_from(ROOT / "functions" / function / "main.py"):
        if isinstance(node, ast.Attribute) and node.attr in Settings.model_fields and _is_settings(node.value):
            read.add(node.attr.upper())
        if isinstance(node, ast.Attribute) and _is_settings(node.value) and node.attr == "origins":
            read.add("ALLOWED_ORIGINS")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "require":
            required |= {str(argument.value).upper() for argument in node.args if isinstance(argument, ast.Constant)}
    return (read | required) - EVERYWHERE - NEVER_GIVEN - BY_VARIABLE, required - EVERYWHERE


def _is_settings(node: ast.expr) -> bool:
    return ast.unparse(node).endswith(("settings", "get_settings()"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_gets_exactly_the_settings_that_its_code_reads(function: str) -> None:
    read, required = settings_of(function)
    given = set(FUNCTIONS[function].environment)
    assert given - read == set()
    assert required - given == set()
    assert read - given <= OPTIONAL


def test_functions_get_the_origins_if_browsers_call_them_and_the_admin_key_if_operators_do() -> None:
    for function in FUNCTIONS.values():
        is_called_by_others_pages = function.access == "public" and function.answers == "json"
        assert ("ALLOWED_ORIGINS" in function.environment) == is_called_by_others_pages
        is_for_people = function.access == "private" and not set(function.invokers) <= BY_THE_PLATFORM
        has_operators_pages = any(route.endswith("/operator/login") for route in function.routes)
        assert ("ADMIN_KEY_SECRET" in function.environment) == (is_for_people or has_operators_pages)
