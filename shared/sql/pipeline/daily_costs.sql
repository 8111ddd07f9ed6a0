-- name: added_up
-- Charges of FOCUS added up by UTC day and by the columns of focus_cost_daily.
SELECT
  TIMESTAMP(DATE(ChargePeriodStart)) AS ChargePeriodStart,
  BillingPeriodStart,
  BillingCurrency,
  ProviderName,
  BillingAccountId,
  SubAccountId,
  RegionId,
  ServiceCategory,
  ServiceName,
  ChargeCategory,
  SUM(BilledCost) AS BilledCost,
  SUM(EffectiveCost) AS EffectiveCost,
  SUM(ContractedCost) AS ContractedCost,
  SUM(ListCost) AS ListCost,
  COUNT(*) AS x_row_count,
  x_source,
  x_pipeline_logging_id,
  x_ingested_at
FROM {charges}
GROUP BY
  ChargePeriodStart, BillingPeriodStart, BillingCurrency, ProviderName, BillingAccountId, SubAccountId, RegionId,
  ServiceCategory, ServiceName, ChargeCategory, x_source, x_pipeline_logging_id, x_ingested_at

-- name: add_up_all
-- Fills focus_cost_daily anew from all charges, for a tenant whose charges an earlier release has published.
MERGE {dataset}.focus_cost_daily
USING {sums} AS charges
ON FALSE
WHEN NOT MATCHED BY SOURCE THEN DELETE
WHEN NOT MATCHED BY TARGET THEN INSERT ({columns}) VALUES ({columns});
