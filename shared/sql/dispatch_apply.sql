-- name: apply_decision
-- One transaction: moves the epoch that was read, then applies every change whose item still is as it was read. All
-- counts come from the rows that really changed. Returns the runs that did.
-- param: epoch INT64
-- param: now TIMESTAMP
-- param: oldest_added_at TIMESTAMP
-- param: changes STRING
-- param: tenants STRING
BEGIN TRANSACTION;

UPDATE {tenants}.dispatcher_state
SET epoch = epoch + 1
WHERE epoch = @epoch;

ASSERT @@row_count = 1 AS 'EPOCH_MOVED';

CREATE TEMP TABLE decided AS
SELECT
  JSON_VALUE(change, '$.run_id') AS run_id,
  JSON_VALUE(change, '$.action') AS action,
  JSON_VALUE(change, '$.from_state') AS from_state,
  JSON_VALUE(change, '$.from_lease_id') AS from_lease_id,
  CAST(JSON_VALUE(change, '$.from_attempt') AS INT64) AS from_attempt,
  JSON_VALUE(change, '$.state') AS state,
  CAST(JSON_VALUE(change, '$.priority') AS INT64) AS priority,
  CAST(JSON_VALUE(change, '$.available_at') AS TIMESTAMP) AS available_at,
  CAST(JSON_VALUE(change, '$.attempt') AS INT64) AS attempt,
  CAST(JSON_VALUE(change, '$.hop') AS INT64) AS hop,
  CAST(JSON_VALUE(change, '$.quota_date') AS DATE) AS quota_date,
  JSON_VALUE(change, '$.lease_id') AS lease_id,
  CAST(JSON_VALUE(change, '$.lease_expires_at') AS TIMESTAMP) AS lease_expires_at,
  CAST(JSON_VALUE(change, '$.processing_started_at') AS TIMESTAMP) AS processing_started_at,
  JSON_VALUE(change, '$.wait_reason') AS wait_reason,
  JSON_VALUE(change, '$.error_class') AS error_class,
  JSON_VALUE(change, '$.error_message') AS error_message
FROM UNNEST(JSON_QUERY_ARRAY(@changes)) AS change;

CREATE TEMP TABLE changed AS
SELECT
  decided.run_id,
  decided.action,
  decided.error_class,
  decided.error_message,
  decided.state IS NULL AS has_ended,
  decided.lease_id,
  COALESCE(decided.lease_id, decided.from_lease_id) AS event_lease_id,
  COALESCE(decided.attempt, decided.from_attempt) AS attempt,
  queue.tenant_id,
  queue.config_id,
  queue.pipeline_logging_id,
  queue.scheduled_time,
  COALESCE(decided.quota_date, queue.quota_date) AS quota_date,
  decided.action = 'ADMIT' AND queue.quota_date IS NULL AS is_first_start
FROM decided
JOIN {tenants}.pipeline_execution_queue AS queue
  ON queue.run_id = decided.run_id
  AND queue.state = decided.from_state
  AND queue.attempt = decided.from_attempt
  AND COALESCE(queue.lease_id, '') = COALESCE(decided.from_lease_id, '');

UPDATE {tenants}.pipeline_execution_queue AS queue
SET
  state = decided.state,
  priority = decided.priority,
  available_at = decided.available_at,
  attempt = decided.attempt,
  hop = decided.hop,
  quota_date = decided.quota_date,
  lease_id = decided.lease_id,
  lease_expires_at = decided.lease_expires_at,
  processing_started_at = decided.processing_started_at,
  wait_reason = decided.wait_reason
FROM decided
WHERE queue.run_id = decided.run_id
  AND decided.run_id IN (SELECT run_id FROM changed WHERE NOT has_ended);

DELETE FROM {tenants}.pipeline_execution_queue
WHERE run_id IN (SELECT run_id FROM changed WHERE has_ended);

UPDATE {tenants}.scheduled_pipeline_runs AS runs
SET
  state = CASE changed.action
    WHEN 'ADMIT' THEN 'RUNNING'
    WHEN 'COMPLETE' THEN 'COMPLETED'
    WHEN 'CANCEL' THEN 'CANCELLED'
    ELSE 'FAILED'
  END,
  retry_count = runs.retry_count + IF(changed.action = 'RETRY', 1, 0),
  started_at = COALESCE(runs.started_at, IF(changed.action = 'ADMIT', @now, NULL)),
  completed_at = IF(changed.has_ended, @now, NULL),
  outcome_reason = changed.error_class,
  error_message = changed.error_message
FROM changed
WHERE runs.run_id = changed.run_id
  AND runs.tenant_id = changed.tenant_id
  AND runs.created_at >= @oldest_added_at
  AND (changed.has_ended OR changed.action IN ('ADMIT', 'RETRY'));

UPDATE {tenants}.tenant_pipeline_configs AS configs
SET
  last_run_time = @now,
  last_run_status = ended.status
FROM (
  SELECT
    config_id,
    tenant_id,
    CASE action
      WHEN 'COMPLETE' THEN 'SUCCESS'
      WHEN 'CANCEL' THEN 'CANCELLED'
      ELSE 'FAILED'
    END AS status
  FROM changed
  WHERE has_ended
    AND config_id IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY config_id ORDER BY scheduled_time DESC, run_id) = 1
) AS ended
WHERE configs.config_id = ended.config_id
  AND configs.tenant_id = ended.tenant_id;

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
  CONCAT(JSON_VALUE(tenant, '$.tenant_id'), '-', CAST(DATE(@now, 'UTC') AS STRING)),
  JSON_VALUE(tenant, '$.tenant_id'),
  DATE(@now, 'UTC'),
  CAST(JSON_VALUE(tenant, '$.daily_limit') AS INT64),
  CAST(JSON_VALUE(tenant, '$.concurrent_limit') AS INT64),
  0,
  0,
  0,
  0,
  @now,
  @now
FROM UNNEST(JSON_QUERY_ARRAY(@tenants)) AS tenant
WHERE JSON_VALUE(tenant, '$.tenant_id') IN (SELECT tenant_id FROM changed WHERE action = 'ADMIT')
  AND JSON_VALUE(tenant, '$.tenant_id') NOT IN (
    SELECT tenant_id
    FROM {tenants}.tenant_usage_quotas
    WHERE usage_date = DATE(@now, 'UTC')
  );

UPDATE {tenants}.tenant_usage_quotas AS quotas
SET
  pipelines_run_today = quotas.pipelines_run_today + counted.started,
  pipelines_succeeded_today = quotas.pipelines_succeeded_today + counted.succeeded,
  pipelines_failed_today = quotas.pipelines_failed_today + counted.failed,
  last_updated = @now
FROM (
  SELECT
    tenant_id,
    quota_date,
    COUNTIF(is_first_start) AS started,
    COUNTIF(action = 'COMPLETE') AS succeeded,
    COUNTIF(action = 'FAIL') AS failed
  FROM changed
  WHERE quota_date IS NOT NULL
    AND (has_ended OR is_first_start)
  GROUP BY tenant_id, quota_date
) AS counted
WHERE quotas.tenant_id = counted.tenant_id
  AND quotas.usage_date = counted.quota_date;

UPDATE {tenants}.tenant_usage_quotas AS quotas
SET
  daily_limit = COALESCE(mirror.daily_limit, quotas.daily_limit),
  concurrent_limit = COALESCE(mirror.concurrent_limit, quotas.concurrent_limit),
  concurrent_pipelines_running = mirror.live,
  last_admitted_at = IF(mirror.has_admitted, @now, quotas.last_admitted_at),
  last_updated = @now
FROM (
  SELECT
    touched.tenant_id,
    touched.has_admitted,
    COALESCE(live.live, 0) AS live,
    limits.daily_limit,
    limits.concurrent_limit
  FROM (
    SELECT
      tenant_id,
      LOGICAL_OR(action = 'ADMIT') AS has_admitted
    FROM changed
    WHERE has_ended OR action IN ('ADMIT', 'RETRY', 'PAUSE')
    GROUP BY tenant_id
  ) AS touched
  LEFT JOIN (
    SELECT
      tenant_id,
      COUNT(*) AS live
    FROM {tenants}.pipeline_execution_queue
    WHERE state = 'PROCESSING'
    GROUP BY tenant_id
  ) AS live ON live.tenant_id = touched.tenant_id
  LEFT JOIN (
    SELECT
      JSON_VALUE(tenant, '$.tenant_id') AS tenant_id,
      CAST(JSON_VALUE(tenant, '$.daily_limit') AS INT64) AS daily_limit,
      CAST(JSON_VALUE(tenant, '$.concurrent_limit') AS INT64) AS concurrent_limit
    FROM UNNEST(JSON_QUERY_ARRAY(@tenants)) AS tenant
  ) AS limits ON limits.tenant_id = touched.tenant_id
) AS mirror
WHERE quotas.tenant_id = mirror.tenant_id
  AND quotas.usage_date = DATE(@now, 'UTC');

INSERT INTO {tenants}.pipeline_run_events (
  event_id,
  run_id,
  tenant_id,
  lease_id,
  attempt,
  kind,
  outcome,
  details,
  error_class,
  error_message,
  occurred_at
)
SELECT
  CONCAT(run_id, '-', CAST(@epoch AS STRING)),
  run_id,
  tenant_id,
  event_lease_id,
  attempt,
  IF(action IN ('ADMIT', 'RENEW'), 'ADMITTED', 'SETTLED'),
  -- The status of a run that has ended, as its tenant sees it; otherwise what was decided.
  CASE action
    WHEN 'COMPLETE' THEN 'COMPLETED'
    WHEN 'CANCEL' THEN 'CANCELLED'
    WHEN 'FAIL' THEN 'FAILED'
    WHEN 'REFUSE' THEN 'FAILED'
    ELSE action
  END,
  TO_JSON(STRUCT(pipeline_logging_id)),
  error_class,
  error_message,
  @now
FROM changed
WHERE action NOT IN ('WAIT', 'HOP');

COMMIT TRANSACTION;

SELECT run_id
FROM changed
ORDER BY run_id
