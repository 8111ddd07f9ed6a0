"""The number of statements that callers wait for, one after the other, is the one in the runbook."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from devcloud.bigquery.jobs.latencies import quantile
from shared.adapters.bigquery.sql import Statement, statement
from shared.adapters.stores.queue import decision_statement
from shared.configuration.platform_config import CONFIGS
from shared.configuration.templates import get_template
from shared.domain.dispatching.changes import Change
from shared.pipeline.publish import publish_statement
from tests.support.dispatch_model import World

BILLING = get_template("gcp", "cost", "billing")
ROW = re.compile(r"^\| (?P<what>[^|]+?) \| (?P<statements>\d+) \| (?P<seconds>[\d.]+) \|$", re.MULTILINE)
TOLD = {
    row["what"]: (int(row["statements"]), float(row["seconds"]))
    for row in ROW.finditer((CONFIGS.parent / "docs/runbook/costs-and-limits.md").read_text(encoding="utf-8"))
}
GOALS = {
    "POST run, until the answer": 2.5,
    "a decision that also ends scheduled runs": 5.0,
    "a run over given days": 20.0,
}


def length(script: Statement) -> int:
    """The number of a script's statements without those that begin and end a transaction."""
    parts = [part.strip() for part in script.text.split(";")]
    return sum(bool(part) and part not in {"BEGIN TRANSACTION", "COMMIT TRANSACTION"} for part in parts)


def admitted() -> Sequence[Change]:
    """The dispatcher's decision about a new manual run."""
    world = World({"acme": (50, 2)})
    world.accept("acme", "a", config_id=None)
    return world.dispatch().changes


def counted() -> dict[str, int]:
    """The number of consecutive statements."""
    post = length(statement("run_acceptance", "find_standing")) + length(statement("run_acceptance", "accept_runs"))
    decision = length(decision_statement(admitted(), counts=True))
    everything = [name for name in statement_names() if name not in {"move_epoch", "commit_decision"}]
    staged = {step.id: f"{{staging}}.{step.id}" for step in BILLING.steps}
    publish = length(publish_statement(BILLING, staged))
    read_queue, claim, load, checks = 1, length(statement("run_execution", "claim_run")), 1, 1
    # The attempt's token is taken while its starting state is read, and a step's statement was checked before.
    begin = max(length(statement("run_begin", name)) for name in ("take_token", "read_begun"))
    queries = sum(step.uses == "sql" for step in BILLING.steps)
    return {
        "POST run, until the answer": post,
        "a decision that admits manual runs": decision,
        "a decision that also ends scheduled runs": 1 + len(everything),
        "a publish of `gcp/cost/billing`": publish,
        "a run over given days, alone, from the POST to its end": sum(
            [post, read_queue, decision, claim, begin, load, queries, checks, publish]
        ),
    }


def statement_names() -> list[str]:
    """The names of the statements in the largest possible decision."""
    text = (CONFIGS.parent / "shared/sql/dispatch_apply.sql").read_text(encoding="utf-8")
    return re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)


def test_the_runbook_has_the_number_and_the_time_of_consecutive_statements() -> None:
    assert {what: (count, round(count * quantile(0.5), 1)) for what, count in counted().items()} == TOLD


@pytest.mark.parametrize(("what", "seconds"), GOALS.items())
def test_the_goals_leave_time_for_the_work_itself(what: str, seconds: float) -> None:
    (taken,) = [expected for name, (_, expected) in TOLD.items() if name.startswith(what)]
    assert taken <= 0.82 * seconds
