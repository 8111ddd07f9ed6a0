-- name: list_due_pipelines
-- The trigger reads the due schedules.
-- param: owners ARRAY<STRING>
SELECT
  configs.config_id,
  configs.tenant_id,
  configs.pipeline_id,
  configs.cron_expression,
  configs.priority,
  configs.next_run_time,
  TO_JSON_STRING(configs.parameters) AS parameters
FROM {tenants}.tenant_pipeline_configs AS configs
JOIN {tenants}.tenant_profiles AS profiles
  ON profiles.tenant_id = configs.tenant_id AND profiles.status = 'ACTIVE'
JOIN {tenants}.tenant_subscriptions AS subscriptions
  ON subscriptions.tenant_id = configs.tenant_id
LEFT JOIN {tenants}.tenant_usage_quotas AS quotas
  ON quotas.tenant_id = configs.tenant_id AND quotas.usage_date = CURRENT_DATE('UTC')
WHERE configs.is_active
  AND configs.next_run_time <= CURRENT_TIMESTAMP()
  AND COALESCE(quotas.pipelines_run_today, 0) < subscriptions.daily_limit
  AND configs.tenant_id IN UNNEST(@owners)

-- name: insert_scheduled_run
-- The trigger inserts a run for each due schedule.
-- param: run_id STRING
-- param: config_id STRING
-- param: tenant_id STRING
-- param: pipeline_id STRING
-- param: scheduled_time TIMESTAMP
-- param: parameters STRING
INSERT INTO {tenants}.scheduled_pipeline_runs (
  run_id, config_id, tenant_id, pipeline_id, state, scheduled_time, parameters, retry_count, max_retries, created_at
)
VALUES (
  @run_id, @config_id, @tenant_id, @pipeline_id, 'PENDING', @scheduled_time, PARSE_JSON(@parameters), 0, 3,
  CURRENT_TIMESTAMP()
)

-- name: insert_queue_item
-- The trigger inserts each run into the queue.
-- param: run_id STRING
-- param: config_id STRING
-- param: tenant_id STRING
-- param: pipeline_id STRING
-- param: scheduled_time TIMESTAMP
-- param: priority INT64
INSERT INTO {tenants}.pipeline_execution_queue (
  run_id, tenant_id, provider, domain, pipeline_template, pipeline_id, config_id, pipeline_logging_id, trigger_type,
  state, priority, scheduled_time, available_at, added_at, attempt, hop, max_retries
)
VALUES (
  @run_id, @tenant_id, 'gcp', 'cost', 'billing', @pipeline_id, @config_id, @run_id, 'scheduler', 'QUEUED', @priority,
  @scheduled_time, CURRENT_TIMESTAMP(), CURRENT_TIMESTAMP(), 0, 0, 3
)

-- name: set_next_run_time
-- The trigger sets the next tick of each schedule.
-- param: config_id STRING
-- param: next_run_time TIMESTAMP
UPDATE {tenants}.tenant_pipeline_configs
SET next_run_time = @next_run_time
WHERE config_id = @config_id

-- name: find_next_queued
-- The queue processor reads the first waiting run.
SELECT
  run_id,
  tenant_id,
  pipeline_id
FROM {tenants}.pipeline_execution_queue
WHERE state = 'QUEUED'
ORDER BY priority DESC, scheduled_time ASC
LIMIT 1

-- name: set_processing
-- It marks the run as PROCESSING.
-- param: run_id STRING
UPDATE {tenants}.pipeline_execution_queue
SET
  state = 'PROCESSING',
  processing_started_at = CURRENT_TIMESTAMP()
WHERE run_id = @run_id

-- name: get_configuration
-- It reads the run's configuration.
-- param: run_id STRING
SELECT
  TO_JSON_STRING(runs.parameters) AS parameters,
  configs.config_id,
  configs.provider,
  configs.domain,
  configs.pipeline_template
FROM {tenants}.scheduled_pipeline_runs AS runs
JOIN {tenants}.tenant_pipeline_configs AS configs
  ON configs.config_id = runs.config_id
WHERE runs.run_id = @run_id

-- name: complete_scheduled_run
-- It records that the run has ended.
-- param: run_id STRING
UPDATE {tenants}.scheduled_pipeline_runs
SET
  state = 'COMPLETED',
  completed_at = CURRENT_TIMESTAMP()
WHERE run_id = @run_id

-- name: set_last_run
-- It records the schedule's last run.
-- param: config_id STRING
UPDATE {tenants}.tenant_pipeline_configs
SET
  last_run_time = CURRENT_TIMESTAMP(),
  last_run_status = 'SUCCESS'
WHERE config_id = @config_id

-- name: remove_queue_item
-- It removes the run from the queue.
-- param: run_id STRING
DELETE FROM {tenants}.pipeline_execution_queue
WHERE run_id = @run_id
