"""An executor whose template is changed: runs it, and prints what came of it.

    python -m tests.e2e.execution.own_template TASK_JSON CHANGES_JSON

The changes replace keys of gcp/cost/daily_by_service, or of the `template` they name; `sql` replaces the statement of
its step.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

from shared import bootstrap
from shared.adapters.tasks import RunTask
from shared.config_files import load_document
from shared.domain.template_files import parse_template
from shared.domain.templates import Template
from shared.errors import ConvergenceError
from shared.pipeline.executor import classified
from shared.pipeline.hop import Hop
from shared.pipeline.steps.sql import run_sql
from shared.platform_config import CONFIGS
from tests.e2e.execution.paused_publish import begun_hop, planned_steps, unrecorded


def main() -> None:
    changes: dict[str, Any] = json.loads(sys.argv[2])
    sql = changes.pop("sql", None)
    hop = begun_hop(RunTask(**json.loads(sys.argv[1])), bootstrap.executor_services(), _template(changes))
    try:
        if sql is None:
            unrecorded(hop).run()
        else:
            _run_statement(hop, sql)
    except ConvergenceError as error:
        failure = classified(error)
        print(failure.error_class, "retryable" if failure.retryable else "final", failure.message, flush=True)
    else:
        print("DONE", flush=True)


def _template(changes: dict[str, Any]) -> Template:
    name = str(changes.pop("template", "daily_by_service"))
    document = load_document(CONFIGS / f"gcp/cost/{name}.yml", file=f"{name}.yml").content
    assert isinstance(document, dict)
    return parse_template(document | changes, provider="gcp", domain="cost", template=name, file="changed.yml")


def _run_statement(hop: Hop, sql: str) -> None:
    step, *_ = planned_steps(hop)
    assert step.statement is not None
    changed = replace(step, statement=replace(step.statement, text=sql))
    run_sql(hop, changed, {}, max_bytes_billed=None)


if __name__ == "__main__":
    main()
