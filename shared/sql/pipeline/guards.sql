-- name: has_rows
-- Days (or months) of the run without rows in staging.
-- param: check_id STRING
-- param: dates ARRAY<DATE>
-- param: grain STRING
SELECT
  @check_id AS check_id,
  COUNTIF(staged.usage_date IS NULL) AS failed_rows,
  IF(
    COUNTIF(staged.usage_date IS NULL) = 0,
    CONCAT('none of ', CAST(COUNT(*) AS STRING), ' ', @grain, 's'),
    CONCAT(
      CAST(COUNTIF(staged.usage_date IS NULL) AS STRING), ' of ', CAST(COUNT(*) AS STRING), ' ', @grain,
      's have no rows, the first is ', CAST(MIN(IF(staged.usage_date IS NULL, asked.usage_date, NULL)) AS STRING)
    )
  ) AS observed,
  'none without rows' AS expected,
  ARRAY_AGG(
    IF(staged.usage_date IS NULL, TO_JSON_STRING(STRUCT(asked.usage_date AS usage_date)), NULL) IGNORE NULLS LIMIT 5
  ) AS sample
FROM (
  SELECT DISTINCT IF(@grain = 'month', DATE_TRUNC(day, MONTH), day) AS usage_date
  FROM UNNEST(@dates) AS day
) AS asked
LEFT JOIN (
  SELECT DISTINCT IF(@grain = 'month', DATE_TRUNC({day}, MONTH), {day}) AS usage_date
  FROM {staged}
) AS staged
  ON staged.usage_date = asked.usage_date

-- name: of_other_runs
-- Rows of another source, or of a day outside the run. A publish would add them without replacing any.
-- param: check_id STRING
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  @check_id AS check_id,
  COUNT(*) AS failed_rows,
  IF(
    COUNT(*) = 0,
    '0',
    CONCAT(
      CAST(COUNT(*) AS STRING), ' rows of another source or of a day that the run is not about, such as ',
      COALESCE(CAST(MIN(strangers.usage_date) AS STRING), 'no day')
    )
  ) AS observed,
  '0' AS expected,
  ARRAY_AGG(TO_JSON_STRING(STRUCT(strangers.x_source, strangers.usage_date)) LIMIT 5) AS sample
FROM (
  SELECT
    x_source,
    {day} AS usage_date
  FROM {staged}
) AS strangers
WHERE COALESCE(strangers.x_source != @source, TRUE)
  OR COALESCE(strangers.usage_date NOT IN UNNEST(@dates), TRUE)
