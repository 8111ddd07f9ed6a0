-- name: read_costs
-- A tenant's costs of a range of days as one row: sums by group and period, each provider's newest day and last final
-- day, and the days that were restated since a moment. The groups with the highest costs keep their names; the others
-- are merged into one. An export may have any number of currencies, so there are at most most_sums sums. The table is
-- focus_cost, or focus_cost_daily, which has the same sums if is_complete.
-- param: first_date DATE
-- param: last_date DATE
-- param: previous_from DATE
-- param: granularity STRING
-- param: top INT64
-- param: restated_since TIMESTAMP
-- param: most_sums INT64
WITH charge AS (
  SELECT
    BillingCurrency AS billing_currency,
    LEFT({group_name}, 256) AS group_name,
    DATE(ChargePeriodStart) AS day,
    {metric} AS cost
  FROM {charges}
  WHERE ChargePeriodStart >= TIMESTAMP(COALESCE(@previous_from, @first_date))
    AND ChargePeriodStart < TIMESTAMP(DATE_ADD(@last_date, INTERVAL 1 DAY))
    AND {is_wanted}
),
-- The days before first_date are used only for the comparison.
summed AS (
  SELECT
    billing_currency,
    {month} AS month,
    group_name,
    CASE
      WHEN day < @first_date THEN NULL
      WHEN @granularity = 'day' THEN day
      WHEN @granularity = 'month' THEN DATE_TRUNC(day, MONTH)
      ELSE @first_date
    END AS period,
    SUM(cost) AS cost
  FROM charge
  GROUP BY billing_currency, month, group_name, period
),
weighed AS (
  {weighed}
),
ranked AS (
  SELECT
    block_currency,
    group_name,
    ROW_NUMBER() OVER (
      PARTITION BY block_currency
      ORDER BY SUM(IF(period IS NULL, 0, weight)) DESC, group_name
    ) AS group_rank
  FROM weighed
  GROUP BY block_currency, group_name
),
listed AS (
  SELECT
    weighed.billing_currency,
    weighed.month,
    weighed.rate,
    LEAST(ranked.group_rank, @top + 1) AS group_rank,
    IF(ranked.group_rank > @top, NULL, weighed.group_name) AS group_name,
    ranked.group_rank > @top AS is_rest,
    weighed.period,
    SUM(IF(weighed.period IS NULL, NULL, weighed.cost)) AS cost,
    SUM(IF(weighed.period IS NULL, weighed.cost, NULL)) AS previous_cost
  FROM weighed
  JOIN ranked
    ON ranked.block_currency = weighed.block_currency
      AND ranked.group_name IS NOT DISTINCT FROM weighed.group_name
  GROUP BY billing_currency, month, rate, group_rank, group_name, is_rest, period
)
SELECT
  ARRAY(
    SELECT AS STRUCT
      billing_currency, month, rate, group_rank, group_name, is_rest, period, cost, previous_cost
    FROM listed
    LIMIT @most_sums
  ) AS sums,
  ARRAY(
    SELECT AS STRUCT
      charges.provider,
      MAX(charges.newest_day) AS data_through,
      IF(LOGICAL_AND(finals.final_through IS NOT NULL), MIN(finals.final_through), NULL) AS final_through
    FROM (
      SELECT
        ProviderName AS provider,
        x_source,
        MAX(DATE(ChargePeriodStart)) AS newest_day
      FROM {charges}
      WHERE ChargePeriodStart >= TIMESTAMP(@first_date)
      GROUP BY provider, x_source
    ) AS charges
    LEFT JOIN (
      {final_days}
    ) AS finals
      ON finals.x_source = charges.x_source
    GROUP BY provider
    ORDER BY provider
    LIMIT 1000
  ) AS providers,
  ARRAY(
    SELECT AS STRUCT
      usage_date,
      billing_currency,
      SUM(COALESCE(cost_after, 0) - COALESCE(cost_before, 0)) AS billed_cost_change,
      MAX(restated_at) AS restated_at
    FROM (
      {changed_days}
    )
    WHERE restated_at > @restated_since
      AND table_name = 'focus_cost'
      AND usage_date BETWEEN @first_date AND @last_date
    GROUP BY usage_date, billing_currency
    ORDER BY usage_date, billing_currency
    LIMIT @most_sums
  ) AS restated,
  (
    {is_complete}
  ) AS is_complete

-- name: final_days
-- Each source's last day up to which all billing periods are final; NULL if its first period is still open.
SELECT
  x_source,
  CASE
    WHEN COUNTIF(BillingPeriodStatus = 'Open') = 0 THEN DATE_SUB(DATE(MAX(BillingPeriodEnd)), INTERVAL 1 DAY)
    WHEN MIN(BillingPeriodStart) < MIN(IF(BillingPeriodStatus = 'Open', BillingPeriodStart, NULL))
      THEN DATE_SUB(DATE(MIN(IF(BillingPeriodStatus = 'Open', BillingPeriodStart, NULL))), INTERVAL 1 DAY)
  END AS final_through
FROM {dataset}.focus_billing_period
GROUP BY x_source

-- name: no_final_days
-- As final_days, for a tenant whose runs have not created focus_billing_period yet.
SELECT
  CAST(NULL AS STRING) AS x_source,
  CAST(NULL AS DATE) AS final_through

-- name: no_month
-- No month, for sums that are not converted.
CAST(NULL AS DATE)

-- name: month
-- The month of a charge, which decides its exchange rate.
DATE_TRUNC(day, MONTH)

-- name: own_currencies
-- Each sum in its own currency. The groups of a currency are ranked by its costs.
SELECT
  billing_currency,
  month,
  group_name,
  period,
  cost,
  billing_currency AS block_currency,
  cost AS weight,
  CAST(NULL AS NUMERIC) AS rate
FROM summed

-- name: one_currency
-- Each sum with the rate of its month. The groups of all currencies are ranked together, by approximate products. The
-- exact ones are made from the rates.
-- param: currency STRING
SELECT
  summed.billing_currency,
  summed.month,
  summed.group_name,
  summed.period,
  summed.cost,
  @currency AS block_currency,
  CAST(summed.cost AS FLOAT64) * IF(summed.billing_currency = @currency, 1, COALESCE(CAST(rates.rate AS FLOAT64), 0))
    AS weight,
  rates.rate
FROM summed
LEFT JOIN {dataset}.x_meta_exchange_rates AS rates
  ON rates.from_currency = summed.billing_currency
    AND rates.to_currency = @currency
    AND rates.month = summed.month

-- name: all_rows
-- That focus_cost has all charges.
SELECT TRUE

-- name: added_up_rows
-- Whether focus_cost_daily has all charges.
{summary_complete}

-- name: every_charge
-- The condition that every charge meets.
TRUE

-- name: is_one_of
-- Whether a property of a charge has one of some values. The empty value stands for none.
-- param: wanted ARRAY<STRING>
COALESCE({property}, '') IN UNNEST(@wanted)

-- name: starts_with_one_of
-- Whether a property of a charge starts with one of some texts.
-- param: wanted ARRAY<STRING>
EXISTS (SELECT 1 FROM UNNEST(@wanted) AS beginning WHERE STARTS_WITH(COALESCE({property}, ''), beginning))

-- name: contains_one_of
-- Whether a property of a charge contains one of some texts.
-- param: wanted ARRAY<STRING>
EXISTS (SELECT 1 FROM UNNEST(@wanted) AS piece WHERE STRPOS(COALESCE({property}, ''), piece) > 0)

-- name: virtual_tag
-- The value of a virtual tag: that of its first rule that matches.
-- param: otherwise STRING
CASE
  {rules}
  ELSE @otherwise
END

-- name: rule
-- A rule of a virtual tag.
-- param: value STRING
WHEN {conditions}
  THEN @value

-- name: list_restatements
-- A page of the changes of published days of focus_cost, the latest first. A change has a row for each run, source, day
-- and currency; row_id orders changes of the same instant.
-- param: since TIMESTAMP
-- param: first_date DATE
-- param: last_date DATE
-- param: before_restated_at TIMESTAMP
-- param: before_id STRING
-- param: max_rows INT64
SELECT
  restated_at,
  usage_date,
  billing_currency,
  billed_cost_after - billed_cost_before AS billed_cost_change,
  billed_cost_before,
  billed_cost_after,
  rows_before,
  rows_after,
  source,
  pipeline_logging_id,
  row_id
FROM (
  SELECT
    restated_at,
    usage_date,
    billing_currency,
    COALESCE(cost_before, 0) AS billed_cost_before,
    COALESCE(cost_after, 0) AS billed_cost_after,
    COALESCE(rows_before, 0) AS rows_before,
    COALESCE(rows_after, 0) AS rows_after,
    source,
    pipeline_logging_id,
    CONCAT(pipeline_logging_id, ' ', CAST(usage_date AS STRING), ' ', COALESCE(billing_currency, ''), ' ', source) AS row_id
  FROM (
    {changed_days}
  )
  WHERE table_name = 'focus_cost'
    AND (@since IS NULL OR restated_at > @since)
    AND (@first_date IS NULL OR usage_date >= @first_date)
    AND (@last_date IS NULL OR usage_date <= @last_date)
)
WHERE @before_restated_at IS NULL
  OR restated_at < @before_restated_at
  OR (restated_at = @before_restated_at AND row_id < @before_id)
ORDER BY restated_at DESC, row_id DESC
LIMIT @max_rows

-- name: tag_value
-- The value of a tag of focus_cost, or NULL.
-- param: tag_key STRING
JSON_VALUE(Tags[@tag_key])
