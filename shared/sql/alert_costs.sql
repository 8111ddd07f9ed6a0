-- name: reaches
-- The first and the newest day of each source since a day. Charges of days to come, such as prepaid fees, do not count.
-- param: first_date DATE
-- param: today DATE
SELECT
  ProviderName AS provider,
  x_source AS source,
  MIN(DATE(ChargePeriodStart)) AS first_day,
  MAX(DATE(ChargePeriodStart)) AS newest_day
FROM {dataset}.focus_cost
WHERE ChargePeriodStart >= TIMESTAMP(@first_date)
  AND ChargePeriodStart < TIMESTAMP(DATE_ADD(@today, INTERVAL 1 DAY))
GROUP BY provider, source

-- name: read_monthly
-- A tenant's costs by month and currency since a day, and how far each source reaches, as one row.
-- param: first_date DATE
-- param: today DATE
-- param: filter_value STRING
SELECT
  ARRAY(
    SELECT AS STRUCT
      DATE_TRUNC(DATE(ChargePeriodStart), MONTH) AS month,
      BillingCurrency AS billing_currency,
      SUM({metric}) AS cost
    FROM {dataset}.focus_cost
    WHERE ChargePeriodStart >= TIMESTAMP(@first_date)
      AND (@filter_value IS NULL OR {filter_column} = @filter_value)
    GROUP BY month, billing_currency
    ORDER BY month, billing_currency
    LIMIT 1000
  ) AS months,
  ARRAY(
    SELECT AS STRUCT provider, source, first_day, newest_day
    FROM (
      {reaches}
    )
    LIMIT 1000
  ) AS reaches

-- name: read_daily
-- The cost of usage by service and day in one currency since a day, and how far each source reaches, as one row. Only
-- services that cost at least the minimum on one day are read, those with the highest day first.
-- param: first_date DATE
-- param: today DATE
-- param: filter_value STRING
-- param: currency STRING
-- param: minimum_amount NUMERIC
-- param: most_services INT64
WITH usage AS (
  SELECT
    ProviderName AS provider,
    ServiceName AS service,
    DATE(ChargePeriodStart) AS day,
    BillingCurrency AS billing_currency,
    SUM({metric}) AS cost
  FROM {dataset}.focus_cost
  WHERE ChargePeriodStart >= TIMESTAMP(@first_date)
    AND ChargePeriodStart < TIMESTAMP(DATE_ADD(@today, INTERVAL 1 DAY))
    AND ChargeCategory = 'Usage'
    AND (@filter_value IS NULL OR {filter_column} = @filter_value)
  GROUP BY provider, service, day, billing_currency
),
looked_at AS (
  SELECT
    provider,
    service
  FROM usage
  WHERE billing_currency = @currency
  GROUP BY provider, service
  HAVING MAX(cost) >= @minimum_amount
  ORDER BY MAX(cost) DESC, provider, service
  LIMIT @most_services
)
SELECT
  ARRAY(
    SELECT AS STRUCT usage.provider, usage.service, usage.day, usage.cost
    FROM usage
    JOIN looked_at
      ON looked_at.provider = usage.provider
        AND looked_at.service = usage.service
    WHERE usage.billing_currency = @currency
  ) AS days,
  ARRAY(
    SELECT DISTINCT billing_currency
    FROM usage
    WHERE billing_currency != @currency
  ) AS other_currencies,
  ARRAY(
    SELECT AS STRUCT provider, source, first_day, newest_day
    FROM (
      {reaches}
    )
    LIMIT 1000
  ) AS reaches
