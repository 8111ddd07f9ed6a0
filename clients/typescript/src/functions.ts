// Which function serves each of a tenant's paths. `make openapi` writes this file from configs/platform.yml.
export const FUNCTIONS = {
  "/api/v1/tenants/{tenant_id}/credentials": "setup_credentials",
  "/api/v1/tenants/{tenant_id}/credentials/setup": "setup_credentials",
  "/api/v1/tenants/{tenant_id}/credentials/{provider}/verify": "setup_credentials",
  "/api/v1/tenants/{tenant_id}/credentials/{provider}": "setup_credentials",
  "/api/v1/pipelines/run/{tenant_id}/{provider}/{domain}/{template}": "run_pipeline",
  "/api/v1/usage/{tenant_id}": "run_pipeline",
  "/api/v1/pipelines/runs/{tenant_id}": "pipeline_runs",
  "/api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}": "pipeline_runs",
  "/api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}/cancel": "pipeline_runs",
  "/api/v1/pipelines/backfills/{tenant_id}/{backfill_id}/cancel": "pipeline_runs",
  "/api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}/retry": "pipeline_runs",
  "/api/v1/costs/{tenant_id}": "costs",
  "/api/v1/costs/{tenant_id}/restatements": "costs",
  "/api/v1/scheduler/customer/{tenant_id}/pipelines": "pipeline_configs",
  "/api/v1/scheduler/customer/{tenant_id}/pipelines/{config_id}": "pipeline_configs",
  "/api/v1/scheduler/customer/{tenant_id}/pipelines/{config_id}/preview": "pipeline_configs",
} as const;
