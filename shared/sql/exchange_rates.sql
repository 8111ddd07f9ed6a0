-- name: list_rates
-- The tenant's rates, the newest month first.
-- param: max_rows INT64
SELECT
  month,
  from_currency,
  to_currency,
  rate,
  updated_at,
  updated_by_user_id
FROM {dataset}.x_meta_exchange_rates
ORDER BY month DESC, to_currency, from_currency
LIMIT @max_rows

-- name: set_rates
-- Sets rates of a month to one currency. It fails if a rate would change although the month has ended.
-- param: month DATE
-- param: to_currency STRING
-- param: from_currencies ARRAY<STRING>
-- param: rates ARRAY<NUMERIC>
-- param: updated_at TIMESTAMP
-- param: user_id STRING
-- param: has_ended BOOL
MERGE {dataset}.x_meta_exchange_rates AS known
USING (
  SELECT
    from_currency,
    IF(
      @has_ended AND EXISTS (
        SELECT 1
        FROM {dataset}.x_meta_exchange_rates AS fixed
        JOIN UNNEST(@from_currencies) AS named WITH OFFSET AS place ON named = fixed.from_currency
        WHERE fixed.month = @month
          AND fixed.to_currency = @to_currency
          AND fixed.rate != @rates[OFFSET(place)]
      ),
      ERROR('Refused: RATE_FIXED'),
      @rates[OFFSET(number)]
    ) AS rate
  FROM UNNEST(@from_currencies) AS from_currency WITH OFFSET AS number
) AS given
ON known.month = @month
  AND known.to_currency = @to_currency
  AND known.from_currency = given.from_currency
WHEN MATCHED AND known.rate != given.rate THEN UPDATE SET
  rate = given.rate,
  updated_at = @updated_at,
  updated_by_user_id = @user_id
WHEN NOT MATCHED THEN INSERT (month, from_currency, to_currency, rate, updated_at, updated_by_user_id)
  VALUES (@month, given.from_currency, @to_currency, given.rate, @updated_at, @user_id)
