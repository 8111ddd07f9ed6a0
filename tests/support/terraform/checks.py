"""Checks of a plan. Each mutation has to fail one of them."""

from __future__ import annotations

import json
import re
from typing import Any

from shared.configuration.platform_config import get_platform
from shared.configuration.settings import Settings
from shared.configuration.tables import get_tables
from tests.support.contract.rights import ROOT
from tests.support.terraform.workspace import LOCATION, PROJECT, REGION, Plan, Resource

ALWAYS = {"PROJECT_ID", "REGION", "BIGQUERY_LOCATION", "LOG_LEVEL"}
# Settings that keep the product's own default unless a variable says otherwise.
UNSET = {
    "ALLOWED_ORIGINS",
    "ALLOW_LOCAL_WEBHOOKS",
    "ALLOW_OTHER_LOCATION",
    "DATASET_KMS_KEY",
    "EXECUTION_BUDGET_SECONDS",
    "EXECUTION_GRACE_SECONDS",
    "HEARTBEAT_SECONDS",
    "KEY_SECONDS",
    "KICK_BUCKET_SECONDS",
    "LEASE_SECONDS",
    "LOOK_SECONDS",
    "MAX_BYTES_BILLED",
    "PROXIES_IN_FRONT",
    "QUERIES_AT_ONCE",
    "QUERIES_PER_MINUTE",
    "REQUESTS_AT_ONCE",
    "RETRY_BASE_SECONDS",
    "SESSION_SECONDS",
    "TENANT_TOKEN_URI",
}
REVIEWED = ROOT / "tests" / "terraform" / "iam.tsv"
_EMAIL = re.compile(rf"serviceAccount:cvg-([a-z-]+)@{PROJECT}\.iam\.gserviceaccount\.com")

Grant = tuple[str, str, str]


def check_grants(plan: Plan, reviewed: set[Grant]) -> None:
    """Every grant that is planned has been reviewed, and every reviewed one is planned."""
    planned = grants(plan)
    assert planned <= reviewed, f"nobody reviewed: {_lines(planned - reviewed)}"
    assert reviewed <= planned, f"missing: {_lines(reviewed - planned)}"


def grants(plan: Plan) -> set[Grant]:
    """Each grant as (member, role, resource)."""
    members = (resource for resource in plan if resource.type.endswith("_iam_member"))
    return {(_member(each), _role(each), _resource(each)) for each in members}


def reviewed_grants() -> set[Grant]:
    """The table that people read and agreed to."""
    lines = REVIEWED.read_text(encoding="utf-8").splitlines()
    rows = [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 3 for row in rows)
    return {(row[0], row[1], row[2]) for row in rows}


def _lines(some: set[Grant]) -> str:
    return "".join("\n" + "\t".join(grant) for grant in sorted(some))


def _member(grant: Resource) -> str:
    return _EMAIL.sub(r"\1", grant.values["member"])


def _role(grant: Resource) -> str:
    role = str(grant.values["role"]).removeprefix(f"projects/{PROJECT}/").removeprefix("roles/")
    conditions = grant.values.get("condition") or []
    return f"{role} if {conditions[0]['expression']}" if conditions else role


def _resource(grant: Resource) -> str:
    values = grant.values
    kind = grant.type.removeprefix("google_").removesuffix("_iam_member")
    names: dict[str, Any] = {
        "project": "project",
        "bigquery_table": f"table {values.get('dataset_id')}.{values.get('table_id')}",
        "bigquery_dataset": f"dataset {values.get('dataset_id')}",
        "kms_crypto_key": f"key {str(values.get('crypto_key_id')).rpartition('/')[2]}",
        "secret_manager_secret": f"secret {values.get('secret_id')}",
        "cloud_tasks_queue": f"queue {values.get('name')}",
        "service_account": f"account {str(values.get('service_account_id')).rpartition('/')[2].partition('@')[0]}",
        "cloud_run_v2_service": f"service {values.get('name')}",
        "storage_bucket": f"bucket {values.get('bucket')}",
        "artifact_registry_repository": f"repository {values.get('repository')}",
    }
    return str(names[kind])


def check_tables(plan: Plan) -> None:
    """The central tables are those of configs/tables, column for column, and protected."""
    planned = plan.resources("google_bigquery_table")
    assert planned.keys() == get_tables("tenants").keys()
    for name, table in get_tables("tenants").items():
        api, values = table.to_api(PROJECT, get_platform().datasets.central), planned[name].values
        partitioning = api.get("timePartitioning")
        assert json.loads(values["schema"]) == api["schema"]["fields"], name
        assert values["description"] == api["description"]
        assert (values["clustering"] or []) == api.get("clustering", {}).get("fields", [])
        assert len(values["time_partitioning"]) == bool(partitioning)
        if partitioning:
            (found,) = values["time_partitioning"]
            assert (found["type"], found["field"]) == (partitioning["type"], partitioning["field"])
            assert found.get("expiration_ms") == (int(partitioning.get("expirationMs", 0)) or None)
        assert values["deletion_protection"] is True


def check_environments(plan: Plan) -> None:
    """Each function gets exactly the settings that platform.yml lists for it, and the product knows all of them."""
    known = {name.upper() for name in Settings.model_fields} | {"REGION"}
    planned = plan.resources("google_cloudfunctions2_function")
    assert planned.keys() == get_platform().functions.keys()
    for name, function in get_platform().functions.items():
        given = plan.environment_of(name)
        wrong = set(given) ^ (ALWAYS | (set(function.environment) - UNSET))
        assert not wrong, f"{name}: {wrong} missing or too much"
        assert set(given) <= known
        assert all(value is None or value for value in given.values())


def check_public(plan: Plan, expected: set[str]) -> None:
    """Only the services of the named functions are public."""
    everybody = [resource for resource in plan if '"allUsers"' in json.dumps(resource.values)]
    assert {resource.type for resource in everybody} <= {"google_cloud_run_v2_service_iam_member"}
    services = {resource.values["name"] for resource in everybody}
    assert services == {name.replace("_", "-") for name in expected}, f"open to everybody: {sorted(services)}"
    assert not [resource for resource in plan if "allAuthenticatedUsers" in json.dumps(resource.values)]


def check_places(plan: Plan) -> None:
    """Every resource with a location is in the configured one."""
    for resource in plan:
        for key in ("location", "region"):
            place = resource.values.get(key)
            wanted = LOCATION if resource.type.startswith("google_bigquery") else REGION
            assert place in {None, wanted}, resource.address


def sources() -> str:
    """All Terraform files as one text."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "terraform").glob("*.tf")))
