-- name: read_costs
-- A tenant's costs of a range of days as one row: sums by group and period, each provider's newest day, and the days that
-- were restated since a moment. The groups with the highest costs keep their names; the others are merged into one.
-- param: first_date DATE
-- param: last_date DATE
-- param: previous_from DATE
-- param: granularity STRING
-- param: filter_value STRING
-- param: top INT64
-- param: restated_since TIMESTAMP
WITH charge AS (
  SELECT
    BillingCurrency AS billing_currency,
    {group_name} AS group_name,
    DATE(ChargePeriodStart) AS day,
    {metric} AS cost
  FROM {dataset}.focus_cost
  WHERE ChargePeriodStart >= TIMESTAMP(COALESCE(@previous_from, @first_date))
    AND ChargePeriodStart < TIMESTAMP(DATE_ADD(@last_date, INTERVAL 1 DAY))
    AND (@filter_value IS NULL OR {filter_column} = @filter_value)
),
-- The days before first_date are used only for the comparison.
summed AS (
  SELECT
    billing_currency,
    group_name,
    CASE
      WHEN day < @first_date THEN NULL
      WHEN @granularity = 'day' THEN day
      WHEN @granularity = 'month' THEN DATE_TRUNC(day, MONTH)
      ELSE @first_date
    END AS period,
    SUM(cost) AS cost
  FROM charge
  GROUP BY billing_currency, group_name, period
),
ranked AS (
  SELECT
    billing_currency,
    group_name,
    ROW_NUMBER() OVER (
      PARTITION BY billing_currency
      ORDER BY SUM(IF(period IS NULL, 0, cost)) DESC, group_name
    ) AS group_rank
  FROM summed
  GROUP BY billing_currency, group_name
),
listed AS (
  SELECT
    summed.billing_currency,
    LEAST(ranked.group_rank, @top + 1) AS group_rank,
    IF(ranked.group_rank > @top, NULL, summed.group_name) AS group_name,
    ranked.group_rank > @top AS is_rest,
    summed.period,
    SUM(IF(summed.period IS NULL, NULL, summed.cost)) AS cost,
    SUM(IF(summed.period IS NULL, summed.cost, NULL)) AS previous_cost
  FROM summed
  JOIN ranked
    ON ranked.billing_currency = summed.billing_currency
      AND ranked.group_name IS NOT DISTINCT FROM summed.group_name
  GROUP BY billing_currency, group_rank, group_name, is_rest, period
)
SELECT
  ARRAY(
    SELECT AS STRUCT billing_currency, group_rank, group_name, is_rest, period, cost, previous_cost
    FROM listed
  ) AS sums,
  ARRAY(
    SELECT AS STRUCT
      ProviderName AS provider,
      MAX(DATE(ChargePeriodStart)) AS data_through
    FROM {dataset}.focus_cost
    WHERE ChargePeriodStart >= TIMESTAMP(@first_date)
    GROUP BY provider
    ORDER BY provider
  ) AS providers,
  ARRAY(
    SELECT AS STRUCT
      usage_date,
      billing_currency,
      SUM(COALESCE(cost_after, 0) - COALESCE(cost_before, 0)) AS billed_cost_change,
      MAX(restated_at) AS restated_at
    FROM {dataset}.x_meta_restatements
    WHERE restated_at > @restated_since
      AND table_name = 'focus_cost'
      AND usage_date BETWEEN @first_date AND @last_date
    GROUP BY usage_date, billing_currency
    ORDER BY usage_date, billing_currency
  ) AS restated

-- name: tag_value
-- The value of a tag of focus_cost, or NULL.
-- param: tag_key STRING
JSON_VALUE(Tags[@tag_key])
