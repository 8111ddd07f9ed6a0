"""`python -m convergence alerts`: rules are set and removed, and `show` says how they stand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from convergence.app import main
from tests.conftest import MakeFrontend
from tests.support.alerts import YESTERDAY, Watcher, watcher_of
from tests.support.commands import Said, environment, run

ADDRESS = "https://example.com/alerts"


@pytest.fixture(scope="module")
def watcher(make_frontend: MakeFrontend) -> Iterator[Watcher]:
    """A tenant that has spent 85 dollars and 7 euros."""
    frontend = make_frontend()
    watcher = watcher_of(frontend)
    watcher.spend("85")
    watcher.spend("7", BillingCurrency="EUR")
    yield watcher
    frontend.api.session.close()


def command(watcher: Watcher, *arguments: str) -> Said:
    api = watcher.frontend.api
    given = {"CONVERGENCE_URL": api.url, "CONVERGENCE_API_KEY": watcher.frontend.tenant.api_key, "COLUMNS": "160"}
    with environment({"PATH": os.environ["PATH"], **given}):
        return run(main, "alerts", *arguments)


def answer(watcher: Watcher, *arguments: str) -> Any:
    said = command(watcher, *arguments, "--json")
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_rules_are_set_shown_and_removed(watcher: Watcher) -> None:
    assert command(watcher, "show").stdout.splitlines() == [
        "budget: none", "anomalies: none", "webhook: none", "There are no alerts.",
    ]  # fmt: skip
    said = command(watcher, "set-budget", "100", "USD", "--at", "80", "--at", "50")
    assert said.stdout.splitlines()[0] == "budget is set"
    anomalies = answer(watcher, "set-anomalies", "20", "USD", "--sensitivity", "7", "--filter", "provider:AWS")
    assert (anomalies["anomalies"]["sensitivity"], anomalies["budget"]["thresholds"]) == (7, [50, 80])
    watcher.evaluate()
    told = command(watcher, "show").stdout
    month = YESTERDAY.isoformat()[:7]
    assert f"budget: 100 USD a month, billed cost; {month}: 85, which is 85 %; not counted: 7 EUR\n" in told
    assert "only provider:AWS; Google Cloud judged until" in told
    assert "nobody is told" in told
    assert f"{month} reached 80 % of 100" in told
    secret = command(watcher, "set-webhook", ADDRESS).stdout.splitlines()[0]
    assert secret.startswith("secret: whsec_")
    assert secret.partition(": ")[2] not in command(watcher, "show").stdout
    assert answer(watcher, "test")["status"] == "PENDING"
    assert command(watcher, "remove", "budget").stdout.splitlines()[0] == "budget is removed"
    again = command(watcher, "remove", "budget")
    assert (again.returncode, again.stderr) == (1, "The tenant has no rule budget.\n")


def test_a_bad_amount_is_refused_with_its_field(watcher: Watcher) -> None:
    said = command(watcher, "set-budget", "much", "USD")
    assert (said.returncode, "amount: " in said.stderr) == (1, True)


def test_an_unknown_rule_is_a_mistake_of_the_command_line(watcher: Watcher) -> None:
    assert command(watcher, "remove", "mail").returncode == 2
