-- name: move_epoch
-- Opens the transaction that applies a decision, and moves the epoch that was read. It fails, and nothing changes, if
-- another dispatcher has moved the epoch, or if an item has changed since it was read.
-- param: epoch INT64
-- param: changes STRING
BEGIN TRANSACTION;

UPDATE {tenants}.dispatcher_state
SET epoch = CASE
  WHEN epoch != @epoch THEN ERROR('Refused: EPOCH_MOVED')
  WHEN EXISTS (
    SELECT 1
    FROM UNNEST(JSON_QUERY_ARRAY(@changes)) AS change
    LEFT JOIN {tenants}.pipeline_execution_queue AS queue
      ON queue.run_id = JSON_VALUE(change, '$.run_id')
      AND queue.state = JSON_VALUE(change, '$.from_state')
      AND queue.attempt = CAST(JSON_VALUE(change, '$.from_attempt') AS INT64)
      AND COALESCE(queue.lease_id, '') = COALESCE(JSON_VALUE(change, '$.from_lease_id'), '')
    WHERE queue.run_id IS NULL
  ) THEN ERROR('Refused: ITEM_MOVED')
  ELSE epoch + 1
END
WHERE TRUE;

-- name: change_items
-- Changes the items of the queue as decided. An item without a state has ended and is deleted.
-- param: changes STRING
MERGE {tenants}.pipeline_execution_queue AS queue
USING (
  SELECT
    JSON_VALUE(change, '$.run_id') AS run_id,
    JSON_VALUE(change, '$.state') AS state,
    CAST(JSON_VALUE(change, '$.priority') AS INT64) AS priority,
    CAST(JSON_VALUE(change, '$.available_at') AS TIMESTAMP) AS available_at,
    CAST(JSON_VALUE(change, '$.attempt') AS INT64) AS attempt,
    CAST(JSON_VALUE(change, '$.hop') AS INT64) AS hop,
    CAST(JSON_VALUE(change, '$.quota_date') AS DATE) AS quota_date,
    JSON_VALUE(change, '$.lease_id') AS lease_id,
    CAST(JSON_VALUE(change, '$.lease_expires_at') AS TIMESTAMP) AS lease_expires_at,
    CAST(JSON_VALUE(change, '$.processing_started_at') AS TIMESTAMP) AS processing_started_at,
    JSON_VALUE(change, '$.wait_reason') AS wait_reason
  FROM UNNEST(JSON_QUERY_ARRAY(@changes)) AS change
) AS decided
ON queue.run_id = decided.run_id
WHEN MATCHED AND decided.state IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET
  state = decided.state,
  priority = decided.priority,
  available_at = decided.available_at,
  attempt = decided.attempt,
  hop = decided.hop,
  quota_date = decided.quota_date,
  lease_id = decided.lease_id,
  lease_expires_at = decided.lease_expires_at,
  processing_started_at = decided.processing_started_at,
  wait_reason = decided.wait_reason;

-- name: change_scheduled_runs
-- Records the state of scheduled runs that were admitted, failed or ended.
-- param: now TIMESTAMP
-- param: oldest_added_at TIMESTAMP
-- param: changes STRING
UPDATE {tenants}.scheduled_pipeline_runs AS runs
SET
  state = CASE decided.action
    WHEN 'ADMIT' THEN 'RUNNING'
    WHEN 'COMPLETE' THEN 'COMPLETED'
    WHEN 'CANCEL' THEN 'CANCELLED'
    ELSE 'FAILED'
  END,
  retry_count = runs.retry_count + IF(decided.action = 'RETRY', 1, 0),
  started_at = COALESCE(runs.started_at, IF(decided.action = 'ADMIT', @now, NULL)),
  completed_at = IF(decided.has_ended, @now, NULL),
  outcome_reason = decided.error_class,
  error_message = decided.error_message
FROM (
  SELECT
    JSON_VALUE(change, '$.run_id') AS run_id,
    JSON_VALUE(change, '$.tenant_id') AS tenant_id,
    JSON_VALUE(change, '$.action') AS action,
    JSON_VALUE(change, '$.state') IS NULL AS has_ended,
    JSON_VALUE(change, '$.error_class') AS error_class,
    JSON_VALUE(change, '$.error_message') AS error_message
  FROM UNNEST(JSON_QUERY_ARRAY(@changes)) AS change
  WHERE JSON_VALUE(change, '$.config_id') IS NOT NULL
) AS decided
WHERE runs.run_id = decided.run_id
  AND runs.tenant_id = decided.tenant_id
  AND runs.created_at >= @oldest_added_at
  AND (decided.has_ended OR decided.action IN ('ADMIT', 'RETRY'));

-- name: change_schedules
-- Records the outcome of each schedule's latest run that ended.
-- param: now TIMESTAMP
-- param: changes STRING
UPDATE {tenants}.tenant_pipeline_configs AS configs
SET
  last_run_time = @now,
  last_run_status = ended.status
FROM (
  SELECT
    JSON_VALUE(change, '$.config_id') AS config_id,
    JSON_VALUE(change, '$.tenant_id') AS tenant_id,
    CASE JSON_VALUE(change, '$.action')
      WHEN 'COMPLETE' THEN 'SUCCESS'
      WHEN 'CANCEL' THEN 'CANCELLED'
      ELSE 'FAILED'
    END AS status
  FROM UNNEST(JSON_QUERY_ARRAY(@changes)) AS change
  WHERE JSON_VALUE(change, '$.state') IS NULL
    AND JSON_VALUE(change, '$.config_id') IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY JSON_VALUE(change, '$.config_id')
    ORDER BY CAST(JSON_VALUE(change, '$.scheduled_time') AS TIMESTAMP) DESC, JSON_VALUE(change, '$.run_id')
  ) = 1
) AS ended
WHERE configs.config_id = ended.config_id
  AND configs.tenant_id = ended.tenant_id;

-- name: count_usage
-- Adds runs that started and ended to the counts of their days. Today's rows also get the tenants' limits and live
-- runs. A missing row is created only for today.
-- param: now TIMESTAMP
-- param: usage STRING
MERGE {tenants}.tenant_usage_quotas AS quotas
USING (
  SELECT
    JSON_VALUE(day, '$.tenant_id') AS tenant_id,
    CAST(JSON_VALUE(day, '$.usage_date') AS DATE) AS usage_date,
    CAST(JSON_VALUE(day, '$.started') AS INT64) AS started,
    CAST(JSON_VALUE(day, '$.succeeded') AS INT64) AS succeeded,
    CAST(JSON_VALUE(day, '$.failed') AS INT64) AS failed,
    CAST(JSON_VALUE(day, '$.live') AS INT64) AS live,
    CAST(JSON_VALUE(day, '$.daily_limit') AS INT64) AS daily_limit,
    CAST(JSON_VALUE(day, '$.concurrent_limit') AS INT64) AS concurrent_limit,
    CAST(JSON_VALUE(day, '$.has_admitted') AS BOOL) AS has_admitted
  FROM UNNEST(JSON_QUERY_ARRAY(@usage)) AS day
) AS counted
ON quotas.tenant_id = counted.tenant_id
  AND quotas.usage_date = counted.usage_date
WHEN MATCHED THEN UPDATE SET
  pipelines_run_today = quotas.pipelines_run_today + counted.started,
  pipelines_succeeded_today = quotas.pipelines_succeeded_today + counted.succeeded,
  pipelines_failed_today = quotas.pipelines_failed_today + counted.failed,
  concurrent_pipelines_running = COALESCE(counted.live, quotas.concurrent_pipelines_running),
  daily_limit = COALESCE(counted.daily_limit, quotas.daily_limit),
  concurrent_limit = COALESCE(counted.concurrent_limit, quotas.concurrent_limit),
  last_admitted_at = IF(counted.has_admitted, @now, quotas.last_admitted_at),
  last_updated = @now
WHEN NOT MATCHED AND counted.has_admitted THEN INSERT (
  usage_id,
  tenant_id,
  usage_date,
  daily_limit,
  concurrent_limit,
  pipelines_run_today,
  pipelines_succeeded_today,
  pipelines_failed_today,
  concurrent_pipelines_running,
  last_admitted_at,
  last_updated,
  created_at
) VALUES (
  CONCAT(counted.tenant_id, '-', CAST(counted.usage_date AS STRING)),
  counted.tenant_id,
  counted.usage_date,
  counted.daily_limit,
  counted.concurrent_limit,
  counted.started,
  counted.succeeded,
  counted.failed,
  counted.live,
  @now,
  @now,
  @now
);

-- name: note_events
-- Appends an event for each change of the decision.
-- param: epoch INT64
-- param: now TIMESTAMP
-- param: changes STRING
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
  CONCAT(JSON_VALUE(change, '$.run_id'), '-', CAST(@epoch AS STRING)),
  JSON_VALUE(change, '$.run_id'),
  JSON_VALUE(change, '$.tenant_id'),
  COALESCE(JSON_VALUE(change, '$.lease_id'), JSON_VALUE(change, '$.from_lease_id')),
  CAST(COALESCE(JSON_VALUE(change, '$.attempt'), JSON_VALUE(change, '$.from_attempt')) AS INT64),
  IF(JSON_VALUE(change, '$.action') IN ('ADMIT', 'RENEW'), 'ADMITTED', 'SETTLED'),
  -- The status of a run that has ended, as its tenant sees it; otherwise the action.
  CASE JSON_VALUE(change, '$.action')
    WHEN 'COMPLETE' THEN 'COMPLETED'
    WHEN 'CANCEL' THEN 'CANCELLED'
    WHEN 'FAIL' THEN 'FAILED'
    WHEN 'REFUSE' THEN 'FAILED'
    ELSE JSON_VALUE(change, '$.action')
  END,
  TO_JSON(STRUCT(JSON_VALUE(change, '$.pipeline_logging_id') AS pipeline_logging_id)),
  JSON_VALUE(change, '$.error_class'),
  JSON_VALUE(change, '$.error_message'),
  @now
FROM UNNEST(JSON_QUERY_ARRAY(@changes)) AS change
WHERE JSON_VALUE(change, '$.action') NOT IN ('WAIT', 'HOP');

-- name: commit_decision
-- Commits the transaction.
COMMIT TRANSACTION;
