"""The behaviour of the real providers on which our files depend and which no schema describes."""

from __future__ import annotations

import json
import subprocess
from typing import Any

Json = dict[str, Any]

PROJECT_NUMBER = "123456789012"

# The form of resource ids in Google's provider. The id of any other resource is its type and name.
_IDS = {
    "google_artifact_registry_repository": "projects/{project}/locations/{location}/repositories/{repository_id}",
    "google_bigquery_dataset": "projects/{project}/datasets/{dataset_id}",
    "google_bigquery_table": "projects/{project}/datasets/{dataset_id}/tables/{table_id}",
    "google_cloud_scheduler_job": "projects/{project}/locations/{region}/jobs/{name}",
    "google_cloud_tasks_queue": "projects/{project}/locations/{location}/queues/{name}",
    "google_cloudfunctions2_function": "projects/{project}/locations/{location}/functions/{name}",
    "google_kms_crypto_key": "{key_ring}/cryptoKeys/{name}",
    "google_kms_key_ring": "projects/{project}/locations/{location}/keyRings/{name}",
    "google_project_iam_custom_role": "projects/{project}/roles/{role_id}",
    "google_secret_manager_secret": "projects/{project}/secrets/{secret_id}",
    "google_service_account": "projects/{project}/serviceAccounts/{email}",
}


class Failed(Exception):
    """A data source cannot be read."""


def fill_defaults(name: str, block: Json, value: Json, config: Json) -> None:
    """Fill in the values that the provider knows in a plan: its project and region, labels, an account's e-mail."""
    attributes = block["attributes"]
    for key in ("project", "region"):
        if attributes.get(key, {}).get("computed") and value.get(key) is None and isinstance(config.get(key), str):
            value[key] = config[key]
    if "terraform_labels" in attributes:
        labels = {**(config.get("default_labels") or {}), **(value.get("labels") or {})}
        value["terraform_labels"] = value["effective_labels"] = labels
    if name == "google_service_account" and isinstance(value.get("account_id"), str):
        value["email"] = f"{value['account_id']}@{value['project']}.iam.gserviceaccount.com"
        value["member"] = f"serviceAccount:{value['email']}"
        value["name"] = f"projects/{value['project']}/serviceAccounts/{value['email']}"


def resource_id(name: str, value: Json) -> str:
    """The id of a resource that was just made."""
    own = value.get("name") or value.get("account_id") or value.get("service") or "it"
    return _IDS.get(name, f"{name}/{own}").format_map(value)


def deletion_refused(value: Json) -> str:
    """The reason why the provider refuses to delete a resource; empty if it does not refuse."""
    return "deletion_protection is set" if value.get("deletion_protection") else ""


def read_data(name: str, value: Json, config: Json) -> Json:
    """The answer of a data source; raises Failed if it has none."""
    project = config.get("project")
    if name == "google_project":
        return {"project_id": project, "number": PROJECT_NUMBER, "id": f"projects/{project}"}
    if name == "google_bigquery_default_service_account":
        email = f"bq-{PROJECT_NUMBER}@bigquery-encryption.iam.gserviceaccount.com"
        return {"email": email, "member": f"serviceAccount:{email}"}
    if name == "google_storage_project_service_account":
        email = f"service-{PROJECT_NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
        return {"email_address": email, "member": f"serviceAccount:{email}"}
    if name == "external":
        return {"result": _run(value)}
    return {}


def _run(value: Json) -> Json:
    """Run a program as the external provider does: it gets JSON on standard input and answers JSON."""
    done = subprocess.run(  # noqa: S603 - the program is the one that our own files name
        value["program"], input=json.dumps(value.get("query") or {}), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"the program failed: {done.stderr.strip()}")
    answer: Json = json.loads(done.stdout)
    return answer
