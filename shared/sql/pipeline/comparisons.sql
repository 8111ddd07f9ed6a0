-- name: totals_of_step
-- The sum of a column by key.
SELECT
  {keys},
  SUM({total}) AS total
FROM {table}
GROUP BY {keys}

-- name: totals_of_table
-- The sum of a published column by key, over rows of this source and of the run's days.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  {keys},
  SUM({total}) AS total
FROM {table}
WHERE x_source = @source
  AND {day} IN UNNEST(@dates)
GROUP BY {keys}

-- name: reconciliation
-- Keys whose totals differ between the two sides. If one side lacks a key, its total there is 0. NULL is an ordinary
-- key. Totals of different keys are never added up, because they may have different currencies.
-- param: check_id STRING
-- param: tolerance NUMERIC
SELECT
  @check_id AS check_id,
  COUNTIF(is_apart) AS failed_rows,
  COALESCE(
    STRING_AGG(IF(is_apart, CONCAT(words, ': ', CAST(observed AS STRING)), NULL), '; ' ORDER BY words LIMIT 3),
    CONCAT(CAST(COUNT(*) AS STRING), ' totals')
  ) AS observed,
  COALESCE(
    STRING_AGG(IF(is_apart, CONCAT(words, ': ', CAST(expected AS STRING)), NULL), '; ' ORDER BY words LIMIT 3),
    'the same'
  ) AS expected,
  ARRAY_AGG(
    IF(is_apart, SUBSTR(TO_JSON_STRING(STRUCT({by}, observed, expected)), 1, 20000), NULL) IGNORE NULLS LIMIT 5
  ) AS sample
FROM (
  SELECT
    {by},
    ARRAY_TO_STRING({words}, ' ', 'NULL') AS words,
    SUM(observed) AS observed,
    SUM(expected) AS expected,
    ABS(SUM(observed) - SUM(expected)) > @tolerance AS is_apart
  FROM (
    SELECT
      {observed_keys},
      CAST(COALESCE(total, 0) AS NUMERIC) AS observed,
      NUMERIC '0' AS expected
    FROM (
      {observed}
    ) AS observed_totals
    UNION ALL
    SELECT
      {expected_keys},
      NUMERIC '0' AS observed,
      CAST(COALESCE(total, 0) AS NUMERIC) AS expected
    FROM (
      {expected}
    ) AS expected_totals
  ) AS sides
  GROUP BY {by}
) AS reconciled

-- name: matches_source
-- Days and currencies whose staged rows or cost differ from the counts made while the source was read. The check
-- shows the first differences, or the totals of each currency if all are equal.
-- param: check_id STRING
-- param: source STRING
-- param: dates ARRAY<DATE>
-- param: counted STRING
SELECT
  @check_id AS check_id,
  (SELECT COUNTIF(day.is_apart) FROM UNNEST(days) AS day) AS failed_rows,
  COALESCE(
    (
      SELECT STRING_AGG(
        CONCAT(day.words, ': ', CAST(day.rows_loaded AS STRING), ' rows, ', CAST(day.cost_loaded AS STRING)),
        '; '
        ORDER BY day.words
        LIMIT 3
      )
      FROM UNNEST(days) AS day
      WHERE day.is_apart
    ),
    (
      SELECT STRING_AGG(
        CONCAT(
          CAST(row_count AS STRING), ' rows, ', CAST(billed_cost AS STRING), ' ',
          COALESCE(billing_currency, 'without a currency')
        ),
        '; '
        ORDER BY billing_currency
      )
      FROM (
        SELECT
          day.billing_currency,
          SUM(day.rows_loaded) AS row_count,
          SUM(day.cost_loaded) AS billed_cost
        FROM UNNEST(days) AS day
        GROUP BY day.billing_currency
      ) AS by_currency
    ),
    '0 rows'
  ) AS observed,
  COALESCE(
    (
      SELECT STRING_AGG(
        CONCAT(day.words, ': ', CAST(day.rows_counted AS STRING), ' rows, ', CAST(day.cost_counted AS STRING)),
        '; '
        ORDER BY day.words
        LIMIT 3
      )
      FROM UNNEST(days) AS day
      WHERE day.is_apart
    ),
    'the same'
  ) AS expected,
  ARRAY(
    SELECT SUBSTR(
      TO_JSON_STRING(
        STRUCT(
          day.usage_date AS usage_date,
          day.billing_currency AS billing_currency,
          day.rows_loaded AS rows_loaded,
          day.rows_counted AS rows_counted,
          day.cost_loaded AS cost_loaded,
          day.cost_counted AS cost_counted
        )
      ),
      1,
      20000
    )
    FROM UNNEST(days) AS day
    WHERE day.is_apart
    ORDER BY day.words
    LIMIT 5
  ) AS sample
FROM (
  SELECT
    ARRAY_AGG(
      STRUCT(
        usage_date,
        billing_currency,
        ARRAY_TO_STRING([CAST(usage_date AS STRING), billing_currency], ' ', 'NULL') AS words,
        rows_loaded,
        rows_counted,
        cost_loaded,
        cost_counted,
        rows_loaded != rows_counted OR cost_loaded != cost_counted AS is_apart
      )
    ) AS days
  FROM (
    SELECT
      usage_date,
      billing_currency,
      SUM(rows_loaded) AS rows_loaded,
      SUM(rows_counted) AS rows_counted,
      SUM(cost_loaded) AS cost_loaded,
      SUM(cost_counted) AS cost_counted
    FROM (
      SELECT
        usage_date,
        billing_currency,
        row_count AS rows_loaded,
        0 AS rows_counted,
        COALESCE(billed_cost, 0) AS cost_loaded,
        0 AS cost_counted
      FROM (
        {billed}
      ) AS loaded
      UNION ALL
      SELECT
        CAST(JSON_VALUE(day, '$[0]') AS DATE) AS usage_date,
        JSON_VALUE(day, '$[1]') AS billing_currency,
        0 AS rows_loaded,
        CAST(JSON_VALUE(day, '$[2]') AS INT64) AS rows_counted,
        0 AS cost_loaded,
        CAST(JSON_VALUE(day, '$[3]') AS NUMERIC) AS cost_counted
      FROM UNNEST(JSON_QUERY_ARRAY(@counted)) AS day
    ) AS sides
    GROUP BY usage_date, billing_currency
  ) AS compared
) AS gathered
