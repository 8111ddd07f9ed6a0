-- name: finish_run
-- Opens the publish and sets the run to COMPLETED. It fails, and nothing changes, if a newer attempt has a token, the
-- lease is lost, the run's cancellation is requested, the run has ended, or a later turn has published. Publishes and
-- closings of a tenant change this table first, so a conflict between two of them shows at once and not after
-- minutes.
-- param: pipeline_logging_id STRING
-- param: tenant_id STRING
-- param: run_id STRING
-- param: pipeline_id STRING
-- param: source STRING
-- param: user_id STRING
-- param: trigger_type STRING
-- param: trigger_by STRING
-- param: config_id STRING
-- param: parameters STRING
-- param: created_at TIMESTAMP
-- param: started_at TIMESTAMP
-- param: lease_id STRING
-- param: attempt INT64
-- param: turn INT64
-- param: rows_published INT64
-- param: dates ARRAY<DATE>
-- param: warnings ARRAY<STRING>
-- param: bytes_billed INT64
-- param: seen_until TIMESTAMP
-- param: watermark TIMESTAMP
-- param: deliveries STRING
-- param: adds_up_all BOOL
BEGIN TRANSACTION;

MERGE {dataset}.x_meta_pipeline_runs AS runs
USING (
  SELECT
    @pipeline_logging_id AS pipeline_logging_id,
    CASE
      WHEN NOT COALESCE(
        (
          SELECT MAX(IF(lease_id = @lease_id, token, NULL)) = MAX(token)
          FROM (
            {fence_tokens}
          )
        ),
        FALSE
      ) THEN ERROR('Refused: FENCE_LOST')
      WHEN NOT EXISTS (
        {live_lease}
      ) THEN ERROR('Refused: LEASE_LOST')
      WHEN EXISTS (
        {cancel_request}
      ) THEN ERROR('Refused: CANCEL_REQUESTED')
      WHEN EXISTS (
        SELECT 1
        FROM {dataset}.x_meta_pipeline_runs
        WHERE pipeline_logging_id = @pipeline_logging_id
          AND status NOT IN ('PENDING', 'RUNNING')
      ) THEN ERROR('Refused: RUN_CLOSED')
      WHEN EXISTS (
        SELECT 1
        FROM {dataset}.x_meta_pipeline_runs
        WHERE turn >= @turn
      ) THEN ERROR('Refused: TURN_PASSED')
      ELSE 'COMPLETED'
    END AS status,
    @adds_up_all OR (
      {summary_complete}
    ) AS summary_complete
) AS finished
ON runs.pipeline_logging_id = finished.pipeline_logging_id
WHEN MATCHED THEN UPDATE SET
  status = finished.status,
  lease_id = @lease_id,
  attempt = @attempt,
  source = @source,
  started_at = COALESCE(runs.started_at, @started_at),
  completed_at = CURRENT_TIMESTAMP(),
  turn = @turn,
  rows_published = @rows_published,
  dates = @dates,
  warnings = @warnings,
  bytes_billed = @bytes_billed,
  watermark = @seen_until,
  loaded_until = @watermark,
  deliveries = PARSE_JSON(@deliveries),
  summary_complete = finished.summary_complete,
  error_class = NULL,
  error_message = NULL
WHEN NOT MATCHED THEN INSERT (
  pipeline_logging_id, tenant_id, run_id, pipeline_id, user_id, trigger_type, trigger_by, config_id, status,
  parameters, created_at, lease_id, attempt, source, started_at, completed_at, turn, rows_published, dates, warnings,
  bytes_billed, watermark, loaded_until, deliveries, summary_complete
) VALUES (
  @pipeline_logging_id, @tenant_id, @run_id, @pipeline_id, @user_id, @trigger_type, @trigger_by, @config_id,
  finished.status, PARSE_JSON(@parameters), @created_at, @lease_id, @attempt, @source, @started_at,
  CURRENT_TIMESTAMP(), @turn, @rows_published, @dates, @warnings, @bytes_billed, @seen_until, @watermark, PARSE_JSON(@deliveries),
  finished.summary_complete
);

-- name: restated_days
-- Rows and cost before and after the publish, for each touched day of one table that had rows, even if nothing
-- changes. An emptied day counts as a day that had rows, so that the log's sums stay right when the day is filled
-- again.
-- param: pipeline_logging_id STRING
-- param: table_name STRING
-- param: source STRING
-- param: dates ARRAY<DATE>
WITH before_publish AS (
  {billed_before}
),
after_publish AS (
  {billed_after}
)
SELECT
  @pipeline_logging_id AS pipeline_logging_id,
  @table_name AS table_name,
  @source AS source,
  usage_date,
  SUM(rows_before) AS rows_before,
  SUM(rows_after) AS rows_after,
  SUM(cost_before) AS cost_before,
  SUM(cost_after) AS cost_after,
  billing_currency,
  CURRENT_TIMESTAMP() AS restated_at
FROM (
  SELECT
    usage_date,
    billing_currency,
    row_count AS rows_before,
    0 AS rows_after,
    COALESCE(billed_cost, 0) AS cost_before,
    0 AS cost_after
  FROM before_publish
  UNION ALL
  SELECT
    usage_date,
    billing_currency,
    0 AS rows_before,
    row_count AS rows_after,
    0 AS cost_before,
    COALESCE(billed_cost, 0) AS cost_after
  FROM after_publish
) AS sides
WHERE usage_date IN (
  SELECT usage_date
  FROM before_publish
  UNION DISTINCT
  SELECT usage_date
  FROM {dataset}.x_meta_restatements
  WHERE table_name = @table_name
    AND source = @source
    AND rows_after = 0
)
GROUP BY usage_date, billing_currency

-- name: note_restatements
-- Logs the restated days of all tables, before the rows change.
INSERT INTO {dataset}.x_meta_restatements (
  pipeline_logging_id, table_name, source, usage_date, rows_before, rows_after, cost_before, cost_after,
  billing_currency, restated_at
)
{restated};

-- name: replace_days
-- Replaces the touched days of this source in one table by the staged rows.
-- param: source STRING
-- param: dates ARRAY<DATE>
MERGE {target}
USING {staged} AS staged
ON FALSE
WHEN NOT MATCHED BY SOURCE AND x_source = @source AND {date_column} IN UNNEST(@dates) THEN DELETE
WHEN NOT MATCHED BY TARGET THEN INSERT ({columns}) VALUES ({columns});

-- name: commit_publish
-- Commits the transaction.
COMMIT TRANSACTION;
