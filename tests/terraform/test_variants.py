"""The variants of a deployment: public access, an operator's access, and the owner's encryption keys."""

import base64
import json

import pytest

from shared.configuration.platform_config import get_platform
from tests.support.terraform import checks
from tests.support.terraform.workspace import Workspace

pytestmark = [pytest.mark.judge, pytest.mark.timeout(280)]
PAGES = {
    route.split(" ")[1]
    for function in get_platform().functions.values()
    if function.answers == "pages"
    for route in function.routes
}
PUBLIC = {name for name, function in get_platform().functions.items() if function.access == "public"}


def is_page(path: str) -> bool:
    return path in PAGES


def test_without_the_invoker_check_nothing_is_granted_to_everybody(workspace: Workspace) -> None:
    plan = workspace.plan({"public_access": "invoker_check_disabled"})
    checks.check_public(plan, set())
    assert plan.resources("terraform_data", "invoker_check_disabled").keys() == PUBLIC
    triggers = plan.configuration("terraform_data.invoker_check_disabled")["triggers_replace"]["references"]
    # A deployment changes these attributes. update_time is known only afterwards, so the invoker check would stay on
    # until the next deployment.
    assert {"google_storage_bucket_object.archives", "local.environments"} <= set(triggers)
    assert not [reference for reference in triggers if "update_time" in reference]


def test_a_gateway_serves_every_public_route_and_no_other(workspace: Workspace) -> None:
    plan = workspace.plan({"public_access": "api_gateway"})
    checks.check_public(plan, set())
    invokers = plan.resources("google_cloud_run_v2_service_iam_member", "gateway")
    assert invokers.keys() == PUBLIC
    assert {grant.values["member"] for grant in invokers.values()} == {
        "serviceAccount:cvg-gateway@acme-costs.iam.gserviceaccount.com"
    }
    (config,) = plan.resources("google_api_gateway_api_config").values()
    document = json.loads(base64.b64decode(config.values["openapi_documents"][0]["document"][0]["contents"]))
    served = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        if method != "options"
    }
    assert served == {route for name in PUBLIC for route in get_platform().functions[name].routes}
    for path, methods in document["paths"].items():
        assert ("options" in methods) != is_page(path)  # a browser's preflight; pages serve no other origin
        for operation in methods.values():
            backend = operation["x-google-backend"]
            assert backend["address"] == backend["jwt_audience"]
    assert document["swagger"] == "2.0"


def test_a_gateways_quota_counts_every_request_of_the_api_by_the_callers_project(workspace: Workspace) -> None:
    plan = workspace.plan({"public_access": "api_gateway", "gateway_requests_per_minute": 600})
    (config,) = plan.resources("google_api_gateway_api_config").values()
    document = json.loads(base64.b64decode(config.values["openapi_documents"][0]["document"][0]["contents"]))
    (limit,) = document["x-google-management"]["quota"]["limits"]
    (metric,) = document["x-google-management"]["metrics"]
    assert (limit["metric"], limit["unit"], limit["values"]) == (metric["name"], "1/min/{project}", {"STANDARD": 600})
    assert document["securityDefinitions"]["google_api_key"] == {"type": "apiKey", "name": "key", "in": "query"}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            is_counted = method != "options" and not is_page(path)  # a browser has no key for a preflight or a page
            assert operation.get("x-google-quota") == ({"metricCosts": {metric["name"]: 1}} if is_counted else None)
            assert ("security" in operation) == is_counted
    functions = plan.resources("google_cloudfunctions2_function")
    for name in ("run_pipeline", "console"):
        behind = functions[name].values["service_config"][0]
        assert behind["environment_variables"]["PROXIES_IN_FRONT"] == "1"


def test_an_operators_access_opens_the_scheduler_functions_and_gives_them_its_settings(workspace: Workspace) -> None:
    plan = workspace.plan(
        {
            "admin_key_ingress": ["process_queue"],
            "operators": ["user:ops@example.com"],
            "reencryptors": ["user:keeper@example.com"],
            "scheduler_admin_key": "k" * 40,
            "schedules": {"process-queue": "0 * * * *"},
            "overdue_after_seconds": {"process-queue": 7200},
            "labels": {"team": "finops"},
        }
    )
    checks.check_public(plan, PUBLIC | {"process_queue"})
    functions = plan.resources("google_cloudfunctions2_function")
    opened = {
        name
        for name, function in functions.items()
        if function.values["service_config"][0]["environment_variables"].get("ADMIN_KEY_INGRESS") == "true"
    }
    assert opened == {"process_queue"}
    (executor,) = functions["execute_run"].values["service_config"]
    assert executor["ingress_settings"] == "ALLOW_INTERNAL_ONLY"
    operators = plan.resources("google_cloud_run_v2_service_iam_member", "operators_as_invokers")
    assert {grant.values["name"] for grant in operators.values()} == {
        name.replace("_", "-")
        for name, f in get_platform().functions.items()
        if f.access == "private" and "ADMIN_KEY_SECRET" in f.environment
    }
    # The right to create an operator's ID token is not the right to act as the account that decrypts.
    account = f"account {get_platform().service_accounts['operator'].id}"
    assert checks.grants(plan) - checks.reviewed_grants() == {
        ("user:ops@example.com", "iam.serviceAccountOpenIdTokenCreator", account),
        ("user:keeper@example.com", "convergenceAccessTokenCreator", account),
        ("allUsers", "run.invoker", "service process-queue"),
        *(("user:ops@example.com", "run.invoker", f"service {grant.values['name']}") for grant in operators.values()),
    }
    assert plan.resources("google_cloud_scheduler_job")["process-queue"].values["schedule"] == "0 * * * *"
    (overdue,) = plan.resources("google_monitoring_alert_policy")["overdue_process_queue"].values["conditions"]
    assert "[7200s]" in overdue["condition_prometheus_query_language"][0]["query"]
    for job in plan.resources("google_cloud_scheduler_job").values():
        assert job.values["http_target"][0]["headers"]["X-Admin-Key"] == "k" * 40


def test_the_owners_keys_encrypt_datasets_and_bucket(workspace: Workspace) -> None:
    keys = {
        "dataset_key": "projects/k/locations/eu/keyRings/r/cryptoKeys/datasets",
        "bucket_key": "projects/k/locations/europe-west3/keyRings/r/cryptoKeys/bucket",
    }
    plan = workspace.plan(
        {
            "cmek": keys,
            "settings": {"LEASE_SECONDS": "600"},
            "partition_expiration_days": {"scheduled_pipeline_runs": 730},
        }
    )
    given = plan.resources("google_cloudfunctions2_function")["setup_credentials"].values["service_config"][0]
    assert (
        given["environment_variables"]["DATASET_KMS_KEY"] == keys["dataset_key"]
    )  # tenants' datasets are created later
    for dataset in plan.resources("google_bigquery_dataset").values():
        assert dataset.values["default_encryption_configuration"][0]["kms_key_name"] == keys["dataset_key"]
    (bucket,) = plan.resources("google_storage_bucket").values()
    assert bucket.values["encryption"][0]["default_kms_key_name"] == keys["bucket_key"]
    agents = [*plan.resources("google_kms_crypto_key_iam_member", "datasets").values()]
    agents += plan.resources("google_kms_crypto_key_iam_member", "bucket").values()
    assert {agent.values["crypto_key_id"] for agent in agents} == set(keys.values())
    (service,) = plan.resources("google_cloudfunctions2_function")["execute_run"].values["service_config"]
    assert service["environment_variables"]["LEASE_SECONDS"] == "600"
    runs = plan.resources("google_bigquery_table")["scheduled_pipeline_runs"].values
    assert runs["time_partitioning"][0]["expiration_ms"] == 730 * 86_400_000


def test_terraforms_own_tests_pass(workspace: Workspace) -> None:
    assert "0 failed" in workspace.succeed("test", "-no-color")
