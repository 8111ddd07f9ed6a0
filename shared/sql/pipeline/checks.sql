-- name: not_null
-- Rows without a value in a column that must have one.
-- param: check_id STRING
SELECT
  @check_id AS check_id,
  COUNTIF({column} IS NULL) AS failed_rows,
  CAST(COUNTIF({column} IS NULL) AS STRING) AS observed,
  '0' AS expected,
  ARRAY_AGG(
    IF({column} IS NULL, SUBSTR(TO_JSON_STRING(STRUCT({shown})), 1, 20000), NULL) IGNORE NULLS LIMIT 5
  ) AS sample
FROM {staged}

-- name: unique
-- Rows whose key appears more than once, without the first of each key.
-- param: check_id STRING
SELECT
  @check_id AS check_id,
  COALESCE(SUM(keys.key_rows - 1), 0) AS failed_rows,
  CAST(COALESCE(SUM(keys.key_rows - 1), 0) AS STRING) AS observed,
  '0' AS expected,
  ARRAY_AGG(
    IF(keys.key_rows > 1, SUBSTR(TO_JSON_STRING(keys), 1, 20000), NULL) IGNORE NULLS LIMIT 5
  ) AS sample
FROM (
  SELECT
    {columns},
    COUNT(*) AS key_rows
  FROM {staged}
  GROUP BY {columns}
) AS keys

-- name: accepted_values
-- Rows whose value is not one of the accepted values.
-- param: check_id STRING
-- param: accepted ARRAY<STRING>
SELECT
  @check_id AS check_id,
  COUNTIF(CAST({column} AS STRING) NOT IN UNNEST(@accepted)) AS failed_rows,
  COALESCE(
    STRING_AGG(
      DISTINCT IF(CAST({column} AS STRING) NOT IN UNNEST(@accepted), SUBSTR(CAST({column} AS STRING), 1, 100), NULL),
      ', '
      LIMIT 20
    ),
    ''
  ) AS observed,
  ARRAY_TO_STRING(@accepted, ', ') AS expected,
  ARRAY_AGG(
    IF(
      CAST({column} AS STRING) NOT IN UNNEST(@accepted),
      SUBSTR(TO_JSON_STRING(STRUCT({shown})), 1, 20000),
      NULL
    )
    IGNORE NULLS
    LIMIT 5
  ) AS sample
FROM {staged}

-- name: range
-- Rows whose value is outside the bounds. NaN is always outside. A missing bound does not limit, and NULL passes.
-- param: check_id STRING
-- param: minimum NUMERIC
-- param: maximum NUMERIC
-- param: inclusive BOOL
-- param: expected STRING
SELECT
  @check_id AS check_id,
  COUNTIF(is_outside) AS failed_rows,
  COALESCE(CONCAT(CAST(MIN(in_range) AS STRING), ' to ', CAST(MAX(in_range) AS STRING)), 'no values') AS observed,
  @expected AS expected,
  ARRAY_AGG(IF(is_outside, SUBSTR(TO_JSON_STRING(STRUCT({shown})), 1, 20000), NULL) IGNORE NULLS LIMIT 5) AS sample
FROM (
  SELECT
    {shown},
    {column} AS in_range,
    NOT (
      (@minimum IS NULL OR {column} > @minimum OR (@inclusive AND {column} = @minimum))
      AND (@maximum IS NULL OR {column} < @maximum OR (@inclusive AND {column} = @maximum))
    ) AS is_outside
  FROM {staged}
) AS ranged

-- name: failing_rows
-- The rows that a statement of the template returns.
-- param: check_id STRING
SELECT
  @check_id AS check_id,
  COUNT(*) AS failed_rows,
  CAST(COUNT(*) AS STRING) AS observed,
  '0' AS expected,
  ARRAY_AGG(SUBSTR(TO_JSON_STRING(failing), 1, 20000) LIMIT 5) AS sample
FROM (
  {failing}
) AS failing
