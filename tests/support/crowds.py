"""Creates many tenants with many schedules that are all due at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tests.support.dispatching import Dispatching

# The only tick of a daily schedule since yesterday: the next one is two hours away.
YESTERDAY = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=22)


def make_due_schedules(dispatching: Dispatching, tenants: Sequence[str], count: int) -> None:
    """Store daily schedules for each tenant. Each has an export of its own, and all are due since yesterday."""
    dispatching.query(
        "INSERT INTO tenants.tenant_pipeline_configs (config_id, tenant_id, provider, domain, pipeline_template,"
        " pipeline_id, cron_expression, timezone, is_active, next_run_time, parameters, priority, max_retries,"
        " misfire_policy, overlap_policy, created_at)"
        " SELECT CONCAT(tenant_id, '-', CAST(number AS STRING)), tenant_id, 'gcp', 'cost', 'billing',"
        " 'gcp-cost-billing', @cron, 'UTC', TRUE, CAST(@tick AS TIMESTAMP),"
        " TO_JSON(STRUCT(CONCAT('acme-gcp.billing.export_', CAST(number AS STRING)) AS billing_export_table)),"
        " 5, 3, 'coalesce', 'wait', CURRENT_TIMESTAMP()"
        " FROM UNNEST(SPLIT(@tenants)) AS tenant_id"
        " CROSS JOIN UNNEST(GENERATE_ARRAY(1, CAST(@count AS INT64))) AS number",
        cron=f"{YESTERDAY.minute} {YESTERDAY.hour} * * *", tick=YESTERDAY.isoformat(), tenants=",".join(tenants),
        count=str(count),
    )  # fmt: skip
