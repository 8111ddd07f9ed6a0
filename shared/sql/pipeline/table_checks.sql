-- name: row_count
-- One failure if there are fewer or more rows than allowed. A missing bound does not limit.
-- param: check_id STRING
-- param: minimum INT64
-- param: maximum INT64
SELECT
  @check_id AS check_id,
  IF(COUNT(*) >= COALESCE(@minimum, 0) AND COUNT(*) <= COALESCE(@maximum, COUNT(*)), 0, 1) AS failed_rows,
  CAST(COUNT(*) AS STRING) AS observed,
  IF(
    @maximum IS NULL,
    CONCAT('at least ', CAST(@minimum AS STRING)),
    CONCAT(CAST(COALESCE(@minimum, 0) AS STRING), ' to ', CAST(@maximum AS STRING))
  ) AS expected,
  ARRAY<STRING>[] AS sample
FROM {staged}

-- name: row_count_against_runs
-- One failure if the rows per day differ too much from the last runs of this pipeline and source that published rows.
-- Runs without days are ignored.
-- param: check_id STRING
-- param: step_id STRING
-- param: pipeline_id STRING
-- param: source STRING
-- param: dates ARRAY<DATE>
-- param: last_runs INT64
-- param: tolerance FLOAT64
-- param: by_mean BOOL
WITH last_runs AS (
  SELECT
    runs.completed_at,
    MAX(steps.`rows` / ARRAY_LENGTH(JSON_QUERY_ARRAY(steps.details, '$.dates'))) AS row_count
  FROM {dataset}.x_meta_pipeline_runs AS runs
  JOIN {dataset}.x_meta_step_logs AS steps
    ON steps.pipeline_logging_id = runs.pipeline_logging_id
  WHERE runs.pipeline_id = @pipeline_id
    AND runs.source = @source
    AND runs.status = 'COMPLETED'
    AND steps.step_id = @step_id
    AND steps.status = 'COMPLETED'
    AND ARRAY_LENGTH(JSON_QUERY_ARRAY(steps.details, '$.dates')) > 0
  GROUP BY runs.pipeline_logging_id, runs.completed_at
  ORDER BY runs.completed_at DESC
  LIMIT @last_runs
),
sorted AS (
  SELECT ARRAY_AGG(row_count ORDER BY row_count) AS counts
  FROM last_runs
),
-- The mean or the median. The median is the mean of the two middle counts, which are the same if there is an odd
-- number of counts.
usual AS (
  SELECT
    ARRAY_LENGTH(counts) AS runs,
    IF(
      @by_mean,
      (SELECT AVG(row_count) FROM UNNEST(counts) AS row_count),
      (counts[SAFE_OFFSET(DIV(ARRAY_LENGTH(counts) - 1, 2))] + counts[SAFE_OFFSET(DIV(ARRAY_LENGTH(counts), 2))]) / 2
    ) AS row_count
  FROM sorted
),
staged AS (
  SELECT COUNT(*) AS row_count
  FROM {staged}
)
SELECT
  @check_id AS check_id,
  IF(
    ABS(SAFE_DIVIDE(staged.row_count, ARRAY_LENGTH(@dates)) - usual.row_count) > usual.row_count * @tolerance,
    1,
    0
  ) AS failed_rows,
  COALESCE(
    CONCAT(CAST(ROUND(SAFE_DIVIDE(staged.row_count, ARRAY_LENGTH(@dates)), 1) AS STRING), ' rows a day'),
    'no days'
  ) AS observed,
  COALESCE(
    CONCAT(
      CAST(ROUND(usual.row_count * GREATEST(1 - @tolerance, 0), 1) AS STRING), ' to ',
      CAST(ROUND(usual.row_count * (1 + @tolerance), 1) AS STRING), ' rows a day, as in the last ',
      CAST(usual.runs AS STRING), ' runs'
    ),
    'any, as there are no runs before'
  ) AS expected,
  ARRAY<STRING>[] AS sample
FROM staged
CROSS JOIN usual

-- name: freshness
-- One failure if the newest value of this source, staged or published, is too old at the run's snapshot.
-- param: check_id STRING
-- param: source STRING
-- param: snapshot_at TIMESTAMP
-- param: max_age_hours FLOAT64
SELECT
  @check_id AS check_id,
  IF(
    TIMESTAMP_DIFF(@snapshot_at, MAX(newest), SECOND) <= @max_age_hours * 3600,
    0,
    1
  ) AS failed_rows,
  COALESCE(FORMAT_TIMESTAMP('%FT%TZ', MAX(newest)), 'no values') AS observed,
  CONCAT(
    'at most ', CAST(@max_age_hours AS STRING), ' hours before ', FORMAT_TIMESTAMP('%FT%TZ', @snapshot_at)
  ) AS expected,
  ARRAY<STRING>[] AS sample
FROM (
  SELECT MAX({column}) AS newest
  FROM {staged}
  UNION ALL
  SELECT MAX({column}) AS newest
  FROM {target}
  WHERE x_source = @source
) AS values_seen

-- name: not_emptied
-- One failure for each day that has rows of this source and would have none, unless that is allowed.
-- param: check_id STRING
-- param: source STRING
-- param: dates ARRAY<DATE>
-- param: allow_empty BOOL
WITH published AS (
  SELECT
    {day} AS usage_date,
    COUNT(*) AS row_count
  FROM {target}
  WHERE x_source = @source
    AND {day} IN UNNEST(@dates)
  GROUP BY usage_date
),
staged AS (
  SELECT
    {day} AS usage_date,
    COUNT(*) AS row_count
  FROM {staged}
  GROUP BY usage_date
)
SELECT
  @check_id AS check_id,
  IF(@allow_empty, 0, COUNTIF(staged.row_count IS NULL)) AS failed_rows,
  IF(
    COUNTIF(staged.row_count IS NULL) = 0,
    '0 days emptied',
    CONCAT(
      CAST(COUNTIF(staged.row_count IS NULL) AS STRING), ' days emptied, the first is ',
      CAST(MIN(IF(staged.row_count IS NULL, published.usage_date, NULL)) AS STRING),
      IF(@allow_empty, '', '; the parameter allow_empty lets it')
    )
  ) AS observed,
  CONCAT(
    IF(@allow_empty, 'any', '0'), ' of the ', CAST(COUNT(*) AS STRING), ' days that have rows'
  ) AS expected,
  ARRAY_AGG(
    IF(
      staged.row_count IS NULL,
      TO_JSON_STRING(STRUCT(published.usage_date AS usage_date, published.row_count AS rows_published)),
      NULL
    )
    IGNORE NULLS
    LIMIT 5
  ) AS sample
FROM published
LEFT JOIN staged
  ON staged.usage_date = published.usage_date

-- name: null_rates
-- Columns whose share of NULLs is larger by more than the tolerance than in this source's published rows of the same and
-- of the preceding days. A column that went missing shows here. Few rows are not compared. Rows in partitions before or
-- after the compared days are left out, so that not the whole table is read.
-- param: check_id STRING
-- param: source STRING
-- param: columns ARRAY<STRING>
-- param: compared ARRAY<DATE>
-- param: first DATE
-- param: last DATE
-- param: tolerance FLOAT64
-- param: least_rows INT64
WITH staged AS (
  SELECT
    COUNT(*) AS row_count,
    [{nulls}] AS null_counts
  FROM {staged}
),
published AS (
  SELECT
    COUNT(*) AS row_count,
    [{nulls}] AS null_counts
  FROM {target}
  WHERE x_source = @source
    AND {day} IN UNNEST(@compared)
    AND {partition_day} BETWEEN @first AND @last
),
shares AS (
  SELECT
    column_name,
    staged.null_counts[OFFSET(position)] / staged.row_count AS share,
    published.null_counts[OFFSET(position)] / published.row_count AS published_share
  FROM staged
  CROSS JOIN published
  CROSS JOIN UNNEST(@columns) AS column_name WITH OFFSET AS position
  WHERE staged.row_count >= @least_rows
    AND published.row_count >= @least_rows
)
SELECT
  @check_id AS check_id,
  COUNTIF(share - published_share > @tolerance) AS failed_rows,
  COALESCE(
    STRING_AGG(
      IF(
        share - published_share > @tolerance,
        CONCAT(
          column_name, ' ', CAST(ROUND(100 * share) AS STRING), '% NULL, published ',
          CAST(ROUND(100 * published_share) AS STRING), '%'
        ),
        NULL
      ),
      ', '
      LIMIT 20
    ),
    'none'
  ) AS observed,
  CONCAT('no column with ', CAST(ROUND(100 * @tolerance) AS STRING), ' points more NULLs than published') AS expected,
  ARRAY<STRING>[] AS sample
FROM shares
