"""A run that BigQuery refused shows the reason and no name of the platform; the log has BigQuery's whole text."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from shared.errors import bigquery_text_of
from tests.support.executions import Executions
from tests.support.planted import Planted
from tests.support.tenant import Tenant


@pytest.mark.parametrize(
    ("statement", "reason", "word"),
    [
        ("SELECT secret_column FROM {planted}", "invalidQuery", "secret_column"),
        ("SELECT x_source FROM {dataset}.aws_cost_billing", "notFound, table aws_cost_billing", "aws_cost_billing"),
    ],
)
def test_tenant_reads_the_reason_and_the_log_has_bigquerys_text(
    executions: Executions, tenant: Tenant, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    statement: str, reason: str, word: str,
) -> None:  # fmt: skip
    planted = Planted(executions, tenant, tmp_path)
    check = {"id": "broken", "uses": "sql", "with": {"query": "broken"}}
    with caplog.at_level(logging.WARNING, logger="convergence"):
        outcome = planted.run([check], [{}], sql=f"\n-- name: broken\n-- Cannot run.\n{statement}\n")
    assert outcome.error is not None
    steps = executions.query(
        f"SELECT error_message FROM {tenant.tenant_id}.x_meta_step_logs WHERE status = 'FAILED' AND step_id = 'checks'"
    )
    assert [step["error_message"] for step in steps] == [outcome.error.message]
    assert f"BigQuery: {reason}" in outcome.error.message
    for name in (executions.cloud.project, "x_staging", tenant.tenant_id):
        assert name not in outcome.error.message
    causes = [
        getattr(record, "facts", {}).get("cause", "") for record in caplog.records if record.name == "convergence"
    ]
    causes.append(bigquery_text_of(outcome.error) or "")  # the text in the run's own log line
    assert all(word in cause for cause in causes if cause)
    assert causes[-1] not in ("", outcome.error.message)
