-- name: reset_usage
-- In one transaction: adds finished days to the history, sets their counters to zero, prunes the oldest days, and
-- creates today's row for every active tenant. It moves the dispatcher's epoch, so that no dispatcher's count is
-- lost.
-- param: kept_days INT64
BEGIN TRANSACTION;

UPDATE {tenants}.dispatcher_state
SET epoch = epoch + 1
WHERE TRUE;

CREATE TEMP TABLE finished AS
SELECT
  usage_id,
  tenant_id,
  usage_date,
  daily_limit,
  concurrent_limit,
  pipelines_run_today,
  pipelines_succeeded_today,
  pipelines_failed_today,
  pipelines_run_today > 0
    OR pipelines_succeeded_today > 0
    OR pipelines_failed_today > 0
    OR concurrent_pipelines_running > 0 AS is_used,
  usage_date < DATE_SUB(CURRENT_DATE('UTC'), INTERVAL @kept_days DAY) AS is_old,
  CURRENT_TIMESTAMP() AS read_at
FROM {tenants}.tenant_usage_quotas
WHERE usage_date < CURRENT_DATE('UTC');

UPDATE {tenants}.tenant_usage_history AS history
SET
  pipelines_run_today = history.pipelines_run_today + finished.pipelines_run_today,
  pipelines_succeeded_today = history.pipelines_succeeded_today + finished.pipelines_succeeded_today,
  pipelines_failed_today = history.pipelines_failed_today + finished.pipelines_failed_today,
  last_updated = finished.read_at
FROM finished
WHERE history.tenant_id = finished.tenant_id
  AND history.usage_date = finished.usage_date
  AND finished.is_used;

INSERT INTO {tenants}.tenant_usage_history (
  usage_id,
  tenant_id,
  usage_date,
  daily_limit,
  concurrent_limit,
  pipelines_run_today,
  pipelines_succeeded_today,
  pipelines_failed_today,
  archived_at,
  last_updated
)
SELECT
  finished.usage_id,
  finished.tenant_id,
  finished.usage_date,
  finished.daily_limit,
  finished.concurrent_limit,
  finished.pipelines_run_today,
  finished.pipelines_succeeded_today,
  finished.pipelines_failed_today,
  finished.read_at,
  finished.read_at
FROM finished
LEFT JOIN {tenants}.tenant_usage_history AS history
  ON history.tenant_id = finished.tenant_id
  AND history.usage_date = finished.usage_date
WHERE history.tenant_id IS NULL;

UPDATE {tenants}.tenant_usage_quotas AS quotas
SET
  pipelines_run_today = 0,
  pipelines_succeeded_today = 0,
  pipelines_failed_today = 0,
  concurrent_pipelines_running = 0,
  last_updated = finished.read_at
FROM finished
WHERE quotas.tenant_id = finished.tenant_id
  AND quotas.usage_date = finished.usage_date
  AND finished.is_used;

DELETE FROM {tenants}.tenant_usage_quotas
WHERE usage_id IN (SELECT usage_id FROM finished WHERE is_old)
  AND usage_date < CURRENT_DATE('UTC');

INSERT INTO {tenants}.tenant_usage_quotas (
  usage_id,
  tenant_id,
  usage_date,
  daily_limit,
  concurrent_limit,
  pipelines_run_today,
  pipelines_succeeded_today,
  pipelines_failed_today,
  concurrent_pipelines_running,
  last_updated,
  created_at
)
SELECT
  CONCAT(subscription.tenant_id, '-', CAST(CURRENT_DATE('UTC') AS STRING)),
  subscription.tenant_id,
  CURRENT_DATE('UTC'),
  subscription.daily_limit,
  subscription.concurrent_limit,
  0,
  0,
  0,
  COALESCE(live.live, 0),
  CURRENT_TIMESTAMP(),
  CURRENT_TIMESTAMP()
FROM (
  {live_subscriptions}
) AS subscription
JOIN {tenants}.tenant_profiles AS profiles
  ON profiles.tenant_id = subscription.tenant_id
  AND profiles.status = 'ACTIVE'
LEFT JOIN (
  SELECT
    tenant_id,
    COUNT(*) AS live
  FROM {tenants}.pipeline_execution_queue
  WHERE state = 'PROCESSING'
  GROUP BY tenant_id
) AS live ON live.tenant_id = subscription.tenant_id
LEFT JOIN {tenants}.tenant_usage_quotas AS today
  ON today.tenant_id = subscription.tenant_id
  AND today.usage_date = CURRENT_DATE('UTC')
WHERE today.tenant_id IS NULL;

COMMIT TRANSACTION;

SELECT
  COUNTIF(is_used) AS records_updated,
  COUNTIF(is_old) AS records_archived,
  CURRENT_TIMESTAMP() AS executed_at
FROM finished
