"""Reads settings from the environment. On devcloud only endpoints and credentials differ."""

from __future__ import annotations

from functools import cache

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One field for each environment variable, under its name in lower case.

    An empty endpoint means the provider's own. `require` refuses a setting that the function was not given.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    project_id: str
    bigquery_location: str
    k_service: str = ""
    log_level: str = "INFO"
    allowed_origins: str = ""
    admin_key_ingress: bool = False

    key_seconds: float = 30.0
    look_seconds: float = 3.0
    requests_at_once: int = 600
    queries_at_once: int = 300
    queries_per_minute: float = 12.0
    proxies_in_front: int = 0

    kms_key: str = ""
    dataset_kms_key: str = ""
    admin_key_secret: str = ""
    console_key_secret: str = ""
    console_url: str = ""
    console_service_account: str = ""
    session_seconds: int = 28_800
    execute_queue: str = ""
    close_queue: str = ""
    kick_queue: str = ""
    evaluate_queue: str = ""
    send_queue: str = ""
    kick_bucket_seconds: float = 5.0
    function_url: str = ""
    execute_run_url: str = ""
    process_queue_url: str = ""
    verify_credentials_url: str = ""
    evaluate_alerts_url: str = ""
    send_alerts_url: str = ""
    tasks_service_account: str = ""
    worker_service_account: str = ""
    worker_unique_id: str = ""
    api_service_account: str = ""
    tenant_token_uri: str = ""
    allow_other_location: bool = False
    allow_local_webhooks: bool = False
    execution_budget_seconds: float = 1500.0
    execution_grace_seconds: float = 90.0
    heartbeat_seconds: float = 60.0
    lease_seconds: float = 300.0
    retry_base_seconds: float = 30.0
    max_bytes_billed: int = 1_000_000_000_000

    bigquery_endpoint: str = ""
    bigquery_storage_endpoint: str = ""
    kms_endpoint: str = ""
    secret_manager_endpoint: str = ""
    cloud_tasks_endpoint: str = ""
    s3_endpoint: str = ""
    gcs_endpoint: str = ""
    sts_endpoint: str = ""
    blob_endpoint: str = ""
    entra_endpoint: str = ""
    oidc_certs_url: str = "https://www.googleapis.com/oauth2/v1/certs"

    def require(self, name: str) -> str:
        """The text setting `name`. If it is empty, a RuntimeError names the variable."""
        value = getattr(self, name)
        if not value:
            raise RuntimeError(f"the environment variable {name.upper()} is not set")
        return str(value)

    @property
    def function_name(self) -> str:
        """The function's name in configs/platform.yml. Cloud Run's name, in K_SERVICE, has hyphens for underscores."""
        return self.k_service.replace("-", "_")

    @property
    def origins(self) -> frozenset[str]:
        """The origins whose web pages may call the routes."""
        return frozenset(origin.strip() for origin in self.allowed_origins.split(",") if origin.strip())


@cache
def get_settings() -> Settings:
    """This process's settings, read once."""
    return Settings()
