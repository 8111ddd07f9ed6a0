-- name: log_scheduled_run
-- Inserts the row of a scheduled run when an executor first claims it.
-- param: pipeline_logging_id STRING
-- param: tenant_id STRING
-- param: run_id STRING
-- param: pipeline_id STRING
-- param: user_id STRING
-- param: trigger_type STRING
-- param: trigger_by STRING
-- param: config_id STRING
-- param: parameters STRING
-- param: created_at TIMESTAMP
-- param: lease_id STRING
-- param: attempt INT64
-- param: source STRING
INSERT INTO {dataset}.x_meta_pipeline_runs (
  pipeline_logging_id, tenant_id, run_id, pipeline_id, user_id, trigger_type, trigger_by, config_id, status,
  parameters, created_at, lease_id, attempt, source, started_at
)
SELECT
  @pipeline_logging_id, @tenant_id, @run_id, @pipeline_id, @user_id, @trigger_type, @trigger_by, @config_id, 'RUNNING',
  PARSE_JSON(@parameters), @created_at, @lease_id, @attempt, @source, CURRENT_TIMESTAMP()
FROM UNNEST([1])
WHERE NOT EXISTS (
  SELECT 1
  FROM {dataset}.x_meta_pipeline_runs AS runs
  WHERE runs.pipeline_logging_id = @pipeline_logging_id
);

-- name: take_token
-- Appends the next token of the fence of this pipeline and source for the lease. Under the same lease it is appended
-- once. An append causes no conflict.
-- param: run_id STRING
-- param: tenant_id STRING
-- param: lease_id STRING
-- param: pipeline_id STRING
-- param: source STRING
INSERT INTO {dataset}.x_meta_publish_fence (pipeline_id, source, token, lease_id)
SELECT
  @pipeline_id,
  @source,
  1 + COALESCE(
    (
      SELECT MAX(token)
      FROM (
        {fence_tokens}
      )
    ),
    0
  ),
  @lease_id
FROM UNNEST([1])
WHERE @source IS NOT NULL
  AND EXISTS (
    {live_lease}
  )
  AND NOT EXISTS (
    SELECT 1
    FROM (
      {fence_tokens}
    )
    WHERE lease_id = @lease_id
  );

-- name: read_begun
-- An attempt's starting state: whether its lease is current, the run's status, the source's watermark and deliveries,
-- when the source was last published, the tenant's newest turn to publish, and whether focus_cost_daily has all
-- published charges. Watermarks of releases that had no turns are in the fence.
-- param: run_id STRING
-- param: tenant_id STRING
-- param: pipeline_logging_id STRING
-- param: lease_id STRING
-- param: pipeline_id STRING
-- param: source STRING
WITH run AS (
  SELECT
    pipeline_logging_id,
    status,
    turn,
    loaded_until,
    deliveries,
    completed_at,
    COALESCE(pipeline_id = @pipeline_id AND source = @source AND status = 'COMPLETED', FALSE) AS has_published
  FROM {dataset}.x_meta_pipeline_runs
),
logged AS (
  SELECT
    MAX(IF(pipeline_logging_id = @pipeline_logging_id, status, NULL)) AS status,
    MAX(turn) AS turn,
    ARRAY_AGG(
      IF(has_published, loaded_until, NULL)
      IGNORE NULLS
      ORDER BY completed_at DESC
      LIMIT 1
    )[SAFE_OFFSET(0)] AS loaded_until,
    ARRAY_AGG(
      IF(has_published AND deliveries IS NOT NULL, TO_JSON_STRING(deliveries), NULL)
      IGNORE NULLS
      ORDER BY completed_at DESC
      LIMIT 1
    )[SAFE_OFFSET(0)] AS deliveries,
    MAX(IF(has_published, completed_at, NULL)) AS published_at
  FROM run
),
fence AS (
  SELECT MAX(watermark) AS watermark
  FROM (
    {fence_tokens}
  )
)
SELECT
  EXISTS (
    {live_lease}
  ) AS lease_is_held,
  logged.status,
  COALESCE(logged.loaded_until, fence.watermark) AS watermark,
  logged.deliveries,
  logged.published_at,
  COALESCE(logged.turn, 0) AS turn,
  (
    {summary_complete}
  ) AS summary_complete
FROM logged
CROSS JOIN fence;

-- name: read_line
-- The leases of the tenant that began to wait for a turn before this lease and have not published, in the order in
-- which they came, and the newest turn. The event of this lease itself may not be readable yet.
-- param: tenant_id STRING
-- param: lease_id STRING
-- param: now TIMESTAMP
WITH waiting AS (
  SELECT
    run_id,
    lease_id,
    MIN(occurred_at) AS since
  FROM {tenants}.pipeline_run_events
  WHERE tenant_id = @tenant_id
    AND kind = 'WAITING'
    AND occurred_at >= TIMESTAMP_SUB(@now, INTERVAL 7 DAY)
  GROUP BY run_id, lease_id
)
SELECT
  ARRAY(
    SELECT waiting.lease_id
    FROM waiting
    JOIN {tenants}.pipeline_execution_queue AS queue
      ON queue.run_id = waiting.run_id
      AND queue.lease_id = waiting.lease_id
    LEFT JOIN {dataset}.x_meta_pipeline_runs AS runs ON runs.run_id = waiting.run_id
    WHERE queue.tenant_id = @tenant_id
      AND queue.state = 'PROCESSING'
      AND COALESCE(runs.status, 'RUNNING') IN ('PENDING', 'RUNNING')
      AND waiting.lease_id != @lease_id
      AND waiting.since < COALESCE((SELECT MIN(since) FROM waiting WHERE lease_id = @lease_id), @now)
    ORDER BY
      waiting.since
  ) AS ahead,
  COALESCE((SELECT MAX(turn) FROM {dataset}.x_meta_pipeline_runs), 0) AS newest
