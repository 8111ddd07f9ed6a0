-- name: not_null
-- Rows without a value in a column that must have one.
-- param: check_id STRING
SELECT
  @check_id AS check_id,
  COUNTIF({column} IS NULL) AS failed_rows,
  CAST(COUNTIF({column} IS NULL) AS STRING) AS observed,
  '0' AS expected
FROM {staged}

-- name: unique
-- Rows beyond the first of each key.
-- param: check_id STRING
SELECT
  @check_id AS check_id,
  COALESCE(SUM(key_rows - 1), 0) AS failed_rows,
  CAST(COALESCE(SUM(key_rows - 1), 0) AS STRING) AS observed,
  '0' AS expected
FROM (
  SELECT COUNT(*) AS key_rows
  FROM {staged}
  GROUP BY {columns}
) AS keys

-- name: accepted_values
-- Rows whose value is none of those that are known.
-- param: check_id STRING
-- param: accepted ARRAY<STRING>
SELECT
  @check_id AS check_id,
  COUNTIF({column} NOT IN UNNEST(@accepted)) AS failed_rows,
  COALESCE(STRING_AGG(DISTINCT IF({column} NOT IN UNNEST(@accepted), {column}, NULL), ', '), '') AS observed,
  ARRAY_TO_STRING(@accepted, ', ') AS expected
FROM {staged}

-- name: row_count
-- One failure when there are fewer or more rows than allowed; a missing bound is none.
-- param: check_id STRING
-- param: minimum INT64
-- param: maximum INT64
SELECT
  @check_id AS check_id,
  IF(COUNT(*) >= COALESCE(@minimum, 0) AND COUNT(*) <= COALESCE(@maximum, COUNT(*)), 0, 1) AS failed_rows,
  CAST(COUNT(*) AS STRING) AS observed,
  CONCAT(CAST(COALESCE(@minimum, 0) AS STRING), ' to ', COALESCE(CAST(@maximum AS STRING), 'any')) AS expected
FROM {staged}

-- name: reconciliation
-- Days and currencies whose rows or cost in staging are not what was counted while they were read.
-- param: check_id STRING
-- param: source STRING
-- param: dates ARRAY<DATE>
-- param: counted STRING
SELECT
  @check_id AS check_id,
  COUNTIF(
    COALESCE(loaded.row_count, 0) != COALESCE(counted.row_count, 0)
    OR COALESCE(loaded.billed_cost, 0) != COALESCE(counted.billed_cost, 0)
  ) AS failed_rows,
  CONCAT(
    CAST(COALESCE(SUM(loaded.row_count), 0) AS STRING), ' rows, ',
    CAST(COALESCE(SUM(loaded.billed_cost), 0) AS STRING)
  ) AS observed,
  CONCAT(
    CAST(COALESCE(SUM(counted.row_count), 0) AS STRING), ' rows, ',
    CAST(COALESCE(SUM(counted.billed_cost), 0) AS STRING)
  ) AS expected
FROM (
  {billed}
) AS loaded
FULL JOIN (
  SELECT
    CAST(JSON_VALUE(day, '$.usage_date') AS DATE) AS usage_date,
    JSON_VALUE(day, '$.billing_currency') AS billing_currency,
    CAST(JSON_VALUE(day, '$.row_count') AS INT64) AS row_count,
    CAST(JSON_VALUE(day, '$.billed_cost') AS NUMERIC) AS billed_cost
  FROM UNNEST(JSON_QUERY_ARRAY(@counted)) AS day
) AS counted
  ON counted.usage_date = loaded.usage_date
  AND counted.billing_currency = loaded.billing_currency

-- name: not_emptied
-- One failure when nothing was read for days that have rows of this source, and nobody said that may be.
-- param: check_id STRING
-- param: source STRING
-- param: dates ARRAY<DATE>
-- param: allow_empty BOOL
SELECT
  @check_id AS check_id,
  IF(staged.row_count = 0 AND published.row_count > 0 AND NOT @allow_empty, 1, 0) AS failed_rows,
  CONCAT(CAST(staged.row_count AS STRING), ' rows') AS observed,
  IF(published.row_count > 0, CONCAT('some, as ', CAST(published.row_count AS STRING), ' are published'), 'any') AS expected
FROM (
  SELECT COUNT(*) AS row_count
  FROM {staged}
) AS staged
CROSS JOIN (
  SELECT COUNT(*) AS row_count
  FROM {target}
  WHERE x_source = @source
    AND {date_column} IN UNNEST(@dates)
) AS published
