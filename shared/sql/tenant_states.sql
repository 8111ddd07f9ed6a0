-- name: list_tenants
-- Tenants in the order of their ids, after one of them, or one tenant alone: the limits of the live subscription, the
-- usage of the present UTC day, and the runs in the queue.
-- param: tenant_id STRING
-- param: after STRING
-- param: max_tenants INT64
WITH limits AS (
  {live_subscriptions}
),
queued AS (
  SELECT
    tenant_id,
    COUNTIF(state = 'QUEUED') AS waiting,
    COUNTIF(state = 'PROCESSING') AS running,
    MIN(IF(state = 'QUEUED', added_at, NULL)) AS waiting_since
  FROM {tenants}.pipeline_execution_queue
  GROUP BY tenant_id
),
used AS (
  SELECT
    tenant_id,
    pipelines_run_today,
    pipelines_failed_today
  FROM {tenants}.tenant_usage_quotas
  WHERE usage_date = CURRENT_DATE('UTC')
)
SELECT
  profiles.tenant_id,
  profiles.company_name,
  profiles.status,
  limits.daily_limit,
  limits.concurrent_limit,
  COALESCE(used.pipelines_run_today, 0) AS runs_today,
  COALESCE(used.pipelines_failed_today, 0) AS failed_today,
  COALESCE(queued.running, 0) AS running,
  COALESCE(queued.waiting, 0) AS waiting,
  queued.waiting_since,
  CURRENT_TIMESTAMP() AS now
FROM {tenants}.tenant_profiles AS profiles
LEFT JOIN limits ON limits.tenant_id = profiles.tenant_id
LEFT JOIN queued ON queued.tenant_id = profiles.tenant_id
LEFT JOIN used ON used.tenant_id = profiles.tenant_id
WHERE (@tenant_id IS NULL OR profiles.tenant_id = @tenant_id)
  AND (@after IS NULL OR profiles.tenant_id > @after)
ORDER BY profiles.tenant_id
LIMIT @max_tenants
