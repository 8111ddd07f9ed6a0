-- name: has_rows
-- Counts the days (or months) of the run that have no rows in staging.
-- param: check_id STRING
-- param: dates ARRAY<DATE>
-- param: grain STRING
SELECT
  @check_id AS check_id,
  COUNTIF(staged.usage_date IS NULL) AS failed_rows,
  IF(
    COUNTIF(staged.usage_date IS NULL) = 0,
    CONCAT('all ', CAST(COUNT(*) AS STRING), ' ', @grain, 's have rows'),
    CONCAT(
      CAST(COUNTIF(staged.usage_date IS NULL) AS STRING), ' of ', CAST(COUNT(*) AS STRING), ' ', @grain,
      's have no rows, the first is ', CAST(MIN(IF(staged.usage_date IS NULL, asked.usage_date, NULL)) AS STRING)
    )
  ) AS observed,
  CONCAT('rows for each ', @grain) AS expected,
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

-- name: of_this_run
-- Counts rows of another source, or of a day outside the run. A publish would add them without replacing any. A row
-- without a source or day counts too, so a comparison with NULL counts as a difference.
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
      CAST(COUNT(*) AS STRING), ' rows of another source or of a day outside the run; ',
      COALESCE(CONCAT('the earliest is of ', CAST(MIN(outside.usage_date) AS STRING)), 'none has a day')
    )
  ) AS observed,
  '0' AS expected,
  ARRAY_AGG(TO_JSON_STRING(STRUCT(outside.x_source, outside.usage_date)) LIMIT 5) AS sample
FROM (
  SELECT
    x_source,
    {day} AS usage_date
  FROM {staged}
) AS outside
WHERE COALESCE(outside.x_source != @source, TRUE)
  OR COALESCE(outside.usage_date NOT IN UNNEST(@dates), TRUE)
