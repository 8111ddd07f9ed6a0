"""Writes rows of runs as an executor, the dispatcher or time itself would leave them, without waiting for these."""

from __future__ import annotations

from tests.support.frontend import Frontend


def log_step(frontend: Frontend, run_id: str, *, rows: int) -> None:
    """Log a completed step `extract`, as an executor does."""
    frontend.sql(
        "INSERT INTO {own}.x_meta_step_logs (log_id, tenant_id, pipeline_logging_id, step_id, action, status, `rows`, "
        "timestamp) VALUES ('1', @tenant_id, @run_id, 'extract', 'STEP', 'COMPLETED', CAST(@rows AS INT64), "
        "CURRENT_TIMESTAMP())",
        run_id=run_id,
        rows=str(rows),
    )


def log_passed_check(frontend: Frontend, run_id: str, check_id: str) -> None:
    """Log a check that passed, as an executor does."""
    frontend.sql(
        "INSERT INTO {own}.x_meta_dq_results (dq_result_id, tenant_id, pipeline_logging_id, step_id, check_id, "
        "table_name, severity, passed, checked_at) VALUES ('1', @tenant_id, @run_id, 'extract', @check_id, "
        "'gcp_cost_billing', 'fail', TRUE, CURRENT_TIMESTAMP())",
        run_id=run_id,
        check_id=check_id,
    )


def log_restated_day(frontend: Frontend, run_id: str, day: str, *, cost_after: str, rows_after: int = 2) -> None:
    """Log a day that was published again. It had one row and cost 1.1."""
    frontend.sql(
        "INSERT INTO {own}.x_meta_restatements (pipeline_logging_id, table_name, source, usage_date, rows_before, "
        "rows_after, cost_before, cost_after, restated_at) VALUES (@run_id, 'gcp_cost_billing', 's', "
        "CAST(@day AS DATE), 1, CAST(@rows_after AS INT64), NUMERIC '1.1', CAST(@cost_after AS NUMERIC), "
        "CURRENT_TIMESTAMP())",
        run_id=run_id,
        day=day,
        cost_after=cost_after,
        rows_after=str(rows_after),
    )


def log_many_restatements(frontend: Frontend, run_id: str) -> list[tuple[str, str]]:
    """Log 199 restatements of 1 November and 51 of 2 November, each with a currency of its own with a long name.

    The number of a restatement, from 1 to 250, is the amount by which it lowers the cost. Return the day and the new
    cost of each, in the order of the numbers.
    """
    frontend.sql(
        "INSERT INTO {own}.x_meta_restatements (pipeline_logging_id, table_name, source, usage_date, rows_before, "
        "rows_after, cost_before, cost_after, billing_currency, restated_at) "
        "SELECT @run_id, 'gcp_cost_billing', 's', DATE_ADD(DATE '2025-11-01', INTERVAL DIV(number, 200) DAY), 1, 1, "
        "0, -number, CONCAT(REPEAT('x', 300), CAST(number AS STRING)), CURRENT_TIMESTAMP() "
        "FROM UNNEST(GENERATE_ARRAY(1, 250)) AS number",
        run_id=run_id,
    )
    return [("2025-11-01" if number < 200 else "2025-11-02", str(-number)) for number in range(1, 251)]


def begin_attempt(frontend: Frontend, run_id: str) -> None:
    """Mark the run as begun, as the dispatcher and an executor do."""
    frontend.sql("UPDATE {own}.x_meta_pipeline_runs SET status = 'RUNNING' WHERE run_id = @run_id", run_id=run_id)
    frontend.sql(
        "UPDATE {tenants}.pipeline_execution_queue SET state = 'PROCESSING', attempt = 1 WHERE run_id = @run_id",
        run_id=run_id,
    )


def fail_attempt(frontend: Frontend, run_id: str) -> None:
    """Close the run's row as failed, as the executor of an attempt does."""
    frontend.sql("UPDATE {own}.x_meta_pipeline_runs SET status = 'FAILED' WHERE run_id = @run_id", run_id=run_id)


def wait_for_retry(frontend: Frontend, run_id: str, *, attempt: int) -> None:
    """Put the run back into the queue after this attempt, as the dispatcher does."""
    frontend.sql(
        "UPDATE {tenants}.pipeline_execution_queue SET state = 'QUEUED', attempt = CAST(@attempt AS INT64), "
        "wait_reason = 'RETRY_BACKOFF' WHERE run_id = @run_id",
        run_id=run_id,
        attempt=str(attempt),
    )


def settle(frontend: Frontend, run_id: str, outcome: str, error_class: str) -> None:
    """Append the event SETTLED, as the dispatcher's transaction does."""
    frontend.sql(
        "INSERT INTO {tenants}.pipeline_run_events (event_id, run_id, tenant_id, kind, outcome, error_class, "
        "occurred_at) VALUES (GENERATE_UUID(), @run_id, @tenant_id, 'SETTLED', @outcome, @error, CURRENT_TIMESTAMP())",
        run_id=run_id,
        outcome=outcome,
        error=error_class,
    )


def leave_queue(frontend: Frontend, run_id: str) -> None:
    """Delete the run's queue item, as the dispatcher does when the run has ended."""
    frontend.sql("DELETE FROM {tenants}.pipeline_execution_queue WHERE run_id = @run_id", run_id=run_id)


def count_starts_today(frontend: Frontend, runs: int) -> None:
    """Count this number of started runs in today's usage, as the dispatcher does.

    Tomorrow's usage gets the same number, because the test may take past midnight.
    """
    frontend.sql(
        "INSERT INTO {tenants}.tenant_usage_quotas (usage_id, tenant_id, usage_date, daily_limit, concurrent_limit, "
        "pipelines_run_today, pipelines_succeeded_today, pipelines_failed_today, concurrent_pipelines_running, "
        "last_updated, created_at) "
        "SELECT CONCAT(@tenant_id, '-', CAST(day AS STRING)), @tenant_id, day, 3, 1, CAST(@runs AS INT64), "
        "CAST(@runs AS INT64), 0, 0, CURRENT_TIMESTAMP(), CURRENT_TIMESTAMP() "
        "FROM UNNEST([CURRENT_DATE('UTC'), DATE_ADD(CURRENT_DATE('UTC'), INTERVAL 1 DAY)]) AS day",
        runs=str(runs),
    )


def log_run_of_200_days_ago(frontend: Frontend, run_id: str) -> None:
    """Log a completed run that is older than the six months for which BigQuery remembers the id of its job."""
    frontend.sql(
        "INSERT INTO {own}.x_meta_pipeline_runs (pipeline_logging_id, tenant_id, run_id, pipeline_id, trigger_type, "
        "status, created_at) VALUES (@run_id, @tenant_id, @run_id, 'gcp-cost-billing', 'api', 'COMPLETED', "
        "TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 200 DAY))",
        run_id=run_id,
    )
