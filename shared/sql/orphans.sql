-- name: read_unclosed
-- Runs that ended recently without an executor and whose rows are not closed. Their closing task may still wait, or
-- the dispatcher may have died before it created the task.
-- param: hours INT64
SELECT
  settled.run_id,
  settled.tenant_id,
  COALESCE(JSON_VALUE(settled.details, '$.pipeline_logging_id'), settled.run_id) AS pipeline_logging_id,
  settled.attempt,
  settled.outcome AS status,
  settled.error_class,
  settled.error_message
FROM {tenants}.pipeline_run_events AS settled
WHERE settled.kind = 'SETTLED'
  AND settled.outcome IN ('FAILED', 'CANCELLED')
  AND settled.occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @hours HOUR)
  AND NOT EXISTS (
    SELECT 1
    FROM {tenants}.pipeline_run_events AS closed
    WHERE closed.run_id = settled.run_id
      AND closed.kind = 'CLOSED'
      AND closed.occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @hours + 1 HOUR)
  )
ORDER BY settled.run_id
