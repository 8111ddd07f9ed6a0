-- name: read_unclosed
-- Runs that ended without an executor lately: their last task may have been lost with the dispatcher that created it.
-- param: hours INT64
SELECT
  run_id,
  tenant_id,
  COALESCE(JSON_VALUE(details, '$.pipeline_logging_id'), run_id) AS pipeline_logging_id,
  attempt,
  outcome,
  error_class,
  error_message
FROM {tenants}.pipeline_run_events
WHERE kind = 'SETTLED'
  AND outcome IN ('FAILED', 'CANCELLED')
  AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @hours HOUR)
ORDER BY run_id
