"""Makes the environment of a function's process, and of outside processes that use this cloud."""

from __future__ import annotations

import os
from pathlib import Path

from devcloud.cloud import Cloud
from devcloud.identity.identity import unique_id
from devcloud.loopback import ADDRESSES

ALLOWED_ORIGINS = "http://localhost:*,http://127.0.0.1:*,https://localhost:*,https://127.0.0.1:*"
_KICK_BUCKET_SECONDS = _LOOK_SECONDS = "0.5"
# A function gets nothing else of the developer's environment: no credentials, no proxies, no settings.
_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG")


def inherited_environment() -> dict[str, str]:
    """The variables of the developer's environment that a function's process gets."""
    return {variable: os.environ[variable] for variable in _INHERITED if variable in os.environ} | {"PYTHONUTF8": "1"}


def client_environment(cloud: Cloud, *, key_file: Path) -> dict[str, str]:
    """The variables with which official clients and the product use this cloud as the account of the key."""
    addresses = cloud.addresses
    return {
        "PROJECT_ID": cloud.project,
        "GOOGLE_CLOUD_PROJECT": cloud.project,
        "REGION": cloud.region,
        "BIGQUERY_LOCATION": cloud.location,
        "BIGQUERY_ENDPOINT": addresses.bigquery,
        "BIGQUERY_EMULATOR_HOST": addresses.bigquery,  # the name the official client knows
        "BIGQUERY_STORAGE_ENDPOINT": addresses.storage_read,
        "KMS_ENDPOINT": addresses.kms,
        "SECRET_MANAGER_ENDPOINT": addresses.secret_manager,
        "CLOUD_TASKS_ENDPOINT": addresses.tasks,
        "CLOUD_SCHEDULER_ENDPOINT": addresses.scheduler,
        "OIDC_CERTS_URL": addresses.certs_url,
        "TENANT_TOKEN_URI": addresses.token_uri,
        "S3_ENDPOINT": addresses.s3,
        "GCS_ENDPOINT": addresses.s3,  # its interface for S3's clients
        "STS_ENDPOINT": addresses.s3,
        "BLOB_ENDPOINT": addresses.azure,
        "ENTRA_ENDPOINT": addresses.azure,
        "GOOGLE_APPLICATION_CREDENTIALS": str(key_file),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(cloud.ca_path),
    } | closed_way_out(cloud)


def closed_way_out(cloud: Cloud) -> dict[str, str]:
    """The variables that keep Google's clients on this machine, even if they have built-in addresses."""
    return {
        "https_proxy": cloud.addresses.egress,
        "http_proxy": cloud.addresses.egress,
        "no_proxy": ",".join(ADDRESSES),
        "REQUESTS_CA_BUNDLE": str(cloud.ca_path),
        # Otherwise google-auth would use other addresses if the home directory has a client certificate.
        "GOOGLE_API_USE_CLIENT_CERTIFICATE": "false",
    }


def function_environment(cloud: Cloud, name: str, *, key_file: Path) -> dict[str, str]:
    """The variables that Terraform would give the function, with this cloud's endpoints."""
    function = cloud.platform.functions[name]
    common = client_environment(cloud, key_file=key_file)
    for variable in ("BIGQUERY_EMULATOR_HOST", "CLOUD_SCHEDULER_ENDPOINT", "TENANT_TOKEN_URI"):
        del common[variable]
    optional = _settings(cloud, name)
    return (
        inherited_environment()
        | common
        | {"K_SERVICE": name.replace("_", "-"), "LOG_LEVEL": "INFO"}  # services' names have no underscores
        | {variable: optional[variable] for variable in function.environment if variable in optional}
    )


def _settings(cloud: Cloud, name: str) -> dict[str, str]:
    """The settings that devcloud can give a function; all others keep the product's default."""
    return {
        "FUNCTION_URL": cloud.function_url(name),
        "EXECUTE_RUN_URL": cloud.function_url("execute_run"),
        "PROCESS_QUEUE_URL": cloud.function_url("process_queue"),
        "VERIFY_CREDENTIALS_URL": cloud.function_url("verify_credentials"),
        "EVALUATE_ALERTS_URL": cloud.function_url("evaluate_alerts"),
        "SEND_ALERTS_URL": cloud.function_url("send_alerts"),
        "EXECUTE_QUEUE": cloud.queue("execute"),
        "CLOSE_QUEUE": cloud.queue("close"),
        "KICK_QUEUE": cloud.queue("kick"),
        "EVALUATE_QUEUE": cloud.queue("evaluate"),
        "SEND_QUEUE": cloud.queue("send"),
        "ALLOW_LOCAL_WEBHOOKS": "true",
        "KICK_BUCKET_SECONDS": _KICK_BUCKET_SECONDS,
        "LOOK_SECONDS": _LOOK_SECONDS,
        "TASKS_SERVICE_ACCOUNT": cloud.account("tasks_invoker"),
        "WORKER_SERVICE_ACCOUNT": cloud.account("worker"),
        "WORKER_UNIQUE_ID": unique_id(cloud.account("worker")),
        "API_SERVICE_ACCOUNT": cloud.account("api"),
        "CONSOLE_SERVICE_ACCOUNT": cloud.account("console"),
        "CONSOLE_URL": cloud.addresses.gateway,
        "KMS_KEY": cloud.key,
        "ADMIN_KEY_SECRET": cloud.secret("admin_key"),
        "CONSOLE_KEY_SECRET": cloud.secret("console_key"),
        "TENANT_TOKEN_URI": cloud.addresses.token_uri,
        "ALLOWED_ORIGINS": ALLOWED_ORIGINS,
    }
