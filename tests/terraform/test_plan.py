"""The plan of a first deployment, made by real Terraform against the real schema."""

import json
import re

import pytest

from shared.adapters.google.tasks import _DISPATCH_DEADLINE, _KICK_DEADLINE
from shared.configuration.platform_config import get_platform
from shared.configuration.settings import Settings
from shared.configuration.tables import get_tables
from tests.support.contract.rights import ROOT
from tests.support.terraform import checks
from tests.support.terraform.workspace import PROJECT, REGION, Plan

pytestmark = [pytest.mark.judge, pytest.mark.timeout(280)]
NUMBER = "123456789012"


# The names that Google accepts, which the schema does not have. A bucket's name leaves room for the longest project id.
NAMES = {
    "google_service_account": ("account_id", r"[a-z][a-z0-9-]{4,28}[a-z0-9]"),
    "google_project_iam_custom_role": ("role_id", r"[a-zA-Z0-9_.]{3,64}"),
    "google_cloud_tasks_queue": ("name", r"[a-zA-Z0-9-]{1,100}"),
    "google_cloud_scheduler_job": ("name", r"[a-zA-Z0-9_-]{1,500}"),
    "google_kms_key_ring": ("name", r"[a-zA-Z0-9_-]{1,63}"),
    "google_kms_crypto_key": ("name", r"[a-zA-Z0-9_-]{1,63}"),
    "google_secret_manager_secret": ("secret_id", r"[a-zA-Z0-9_-]{1,255}"),
    "google_bigquery_dataset": ("dataset_id", r"[a-zA-Z0-9_]{1,1024}"),
    "google_bigquery_table": ("table_id", r"[a-zA-Z0-9_]{1,1024}"),
    "google_storage_bucket": ("name", r"acme-costs[a-z0-9-]{1,33}"),
    "google_artifact_registry_repository": ("repository_id", r"[a-z][a-z0-9-]{0,61}[a-z0-9]"),
    "google_logging_metric": ("name", r"[A-Za-z0-9_]{1,100}"),
    "google_cloud_quotas_quota_preference": ("name", r"[a-z][a-z0-9-]{0,62}"),
    # The URL of a service has its name and the project's number in one DNS label of at most 63 characters.
    "google_cloudfunctions2_function": ("name", r"[a-z][a-z0-9-]{0,47}[a-z0-9]"),
}


def url_of(function: str) -> str:
    return f"https://{function.replace('_', '-')}-{NUMBER}.{REGION}.run.app"


def test_every_grant_is_a_reviewed_one(plan: Plan) -> None:
    checks.check_grants(plan, checks.reviewed_grants())


def test_custom_roles_have_only_the_permissions_that_their_names_say(plan: Plan) -> None:
    roles = {
        key: set(role.values["permissions"]) for key, role in plan.resources("google_project_iam_custom_role").items()
    }
    assert "bigquery.tables.getData" not in roles["TableAppender"]
    assert "bigquery.tables.updateData" not in roles["TableReader"]
    assert roles["DatasetCreator"] == {"bigquery.datasets.create", "bigquery.datasets.get"}
    everything = set().union(*roles.values())
    assert not [permission for permission in everything if re.search(r"setIamPolicy|\*|admin", permission)]


def test_only_the_public_functions_are_open_to_everybody(plan: Plan) -> None:
    public = {name for name, function in get_platform().functions.items() if function.access == "public"}
    assert public.isdisjoint({"execute_run", "process_queue", "trigger_due_pipelines", "reset_daily_quotas"})
    checks.check_public(plan, public)


def test_functions_that_only_google_calls_take_no_calls_from_the_internet(plan: Plan) -> None:
    internal = set()
    for name, function in plan.resources("google_cloudfunctions2_function").items():
        (service,) = function.values["service_config"]
        internal |= {name} if service["ingress_settings"] == "ALLOW_INTERNAL_ONLY" else set()
    assert internal == {
        name
        for name, function in get_platform().functions.items()
        if function.access == "private" and set(function.invokers) <= {"scheduler_invoker", "tasks_invoker"}
    }
    assert {"execute_run", "process_queue"} <= internal


def test_central_tables_are_those_of_configs(plan: Plan) -> None:
    checks.check_tables(plan)


def test_functions_get_exactly_their_listed_settings(plan: Plan) -> None:
    checks.check_environments(plan)


def test_functions_have_the_size_that_platform_yml_says(plan: Plan) -> None:
    for name, function in get_platform().functions.items():
        resource = plan.resources("google_cloudfunctions2_function")[name].values
        (service,), (build,) = resource["service_config"], resource["build_config"]
        assert resource["name"] == name.replace("_", "-")
        assert build["entry_point"] == name
        assert service["available_memory"] == function.memory
        assert re.fullmatch(r"\d+[MG]i", function.memory)
        assert service["timeout_seconds"] == function.timeout_seconds <= 3600
        assert service["max_instance_request_concurrency"] == function.concurrency
        assert (service["min_instance_count"], service["max_instance_count"]) == (
            function.min_instances,
            function.max_instances,
        )
        account = get_platform().service_accounts[function.service_account].id
        assert service["service_account_email"] == f"{account}@{PROJECT}.iam.gserviceaccount.com"


def test_names_are_accepted_by_google(plan: Plan) -> None:
    for kind, (attribute, pattern) in NAMES.items():
        found = [resource.values[attribute] for resource in plan.resources(kind).values()]
        assert found, kind
        assert [name for name in found if not re.fullmatch(pattern, name)] == []


def test_callers_wait_as_long_as_a_function_may_take(plan: Plan) -> None:
    assert get_platform().functions["execute_run"].timeout_seconds <= _DISPATCH_DEADLINE.total_seconds() <= 1800
    assert get_platform().functions["process_queue"].timeout_seconds <= _KICK_DEADLINE.total_seconds()
    budget = Settings.model_fields["execution_budget_seconds"].default
    assert budget < get_platform().functions["execute_run"].timeout_seconds  # the difference is the time to hand over
    for function in get_platform().functions.values():
        if function.schedule:
            assert function.timeout_seconds <= function.schedule.attempt_deadline_seconds


def test_api_calls_count_against_the_deployed_projects_quota(plan: Plan) -> None:
    for provider in ("google", "google-beta"):
        expressions = plan.document["configuration"]["provider_config"][provider]["expressions"]
        assert expressions["user_project_override"] == {"constant_value": True}
        assert expressions["billing_project"] == {"references": ["var.project_id"]}


def test_the_worker_may_take_half_an_hour_and_the_dispatcher_has_one_instance(plan: Plan) -> None:
    functions = plan.resources("google_cloudfunctions2_function")
    (worker,) = functions["execute_run"].values["service_config"]
    (dispatcher,) = functions["process_queue"].values["service_config"]
    assert worker["timeout_seconds"] == 1800
    assert (dispatcher["max_instance_count"], dispatcher["max_instance_request_concurrency"]) == (1, 1)


def test_functions_get_each_others_urls_although_none_is_deployed_yet(plan: Plan) -> None:
    for name, function in plan.resources("google_cloudfunctions2_function").items():
        environment = function.values["service_config"][0]["environment_variables"]
        assert environment.get("FUNCTION_URL", url_of(name)) == url_of(name)
        assert environment.get("EXECUTE_RUN_URL", url_of("execute_run")) == url_of("execute_run")
        assert environment.get("PROCESS_QUEUE_URL", url_of("process_queue")) == url_of("process_queue")


def test_jobs_call_their_functions_with_an_explicit_audience(plan: Plan) -> None:
    scheduled = {
        function.schedule.job: name for name, function in get_platform().functions.items() if function.schedule
    }
    jobs = plan.resources("google_cloud_scheduler_job")
    assert jobs.keys() == scheduled.keys()
    for job, name in scheduled.items():
        function, values = get_platform().functions[name], jobs[job].values
        assert function.schedule is not None
        (target,), (retries,) = values["http_target"], values["retry_config"]
        assert values["schedule"] == function.schedule.cron
        assert values["time_zone"] == "Etc/UTC"
        assert values["attempt_deadline"] == f"{function.schedule.attempt_deadline_seconds}s"
        assert 15 <= function.schedule.attempt_deadline_seconds <= 1800
        assert target["http_method"] == "POST"
        assert f"POST {target['uri'].removeprefix(url_of(name))}" == function.routes[0]
        assert set(target["headers"]) == {"Content-Type"}
        (token,) = target["oidc_token"]
        assert token["audience"] == url_of(name)
        assert token["service_account_email"] == f"cvg-scheduler-invoker@{PROJECT}.iam.gserviceaccount.com"
        assert 0 < retries["retry_count"] <= 5


def test_the_schedules_that_flow_3_names_are_kept() -> None:
    crons = {name: function.schedule.cron for name, function in get_platform().functions.items() if function.schedule}
    named = {
        "process_queue": "*/5 * * * *",
        "trigger_due_pipelines": "0 * * * *",
        "reset_daily_quotas": "0 0 * * *",
    }
    assert {name: crons[name] for name in named if name in crons} == {
        name: named[name] for name in named if name in crons
    }


def test_queues_are_those_of_platform_yml(plan: Plan) -> None:
    queues = plan.resources("google_cloud_tasks_queue")
    assert queues.keys() == get_platform().queues.keys()
    for name, queue in get_platform().queues.items():
        (rates,), (retries,) = queues[name].values["rate_limits"], queues[name].values["retry_config"]
        assert queues[name].values["name"] == queue.id
        assert rates["max_dispatches_per_second"] == queue.max_dispatches_per_second <= 500
        assert rates["max_concurrent_dispatches"] == queue.max_concurrent_dispatches <= 5000
        assert retries["max_attempts"] == queue.max_attempts
        assert retries["min_backoff"] == f"{queue.min_backoff_seconds:g}s"
        assert retries["max_backoff"] == f"{queue.max_backoff_seconds:g}s"


def test_the_key_rotates_within_ninety_days_and_is_protected(plan: Plan) -> None:
    key = plan.resources("google_kms_crypto_key")[""].values
    assert key["name"] == "tenant-credentials-key"
    assert int(key["rotation_period"].removesuffix("s")) <= 90 * 86_400
    assert checks.sources().count("prevent_destroy = true") == 2


def test_every_resource_is_in_the_configured_location(plan: Plan) -> None:
    checks.check_places(plan)
    for resource in plan.resources("google_bigquery_dataset").values():
        assert resource.values["location"] == "EU"


def test_everything_that_takes_labels_has_them(plan: Plan) -> None:
    for resource in plan:
        for kind in ("terraform_labels", "user_labels"):
            if kind in resource.values:
                labels = resource.values[kind]
                assert labels.items() >= {"application": "convergence", "managed_by": "terraform"}.items(), (
                    resource.address
                )


def test_alerts_match_log_lines_that_the_product_writes(plan: Plan) -> None:
    alerts = plan.resources("google_monitoring_alert_policy")
    overdue = {f"overdue_{f.schedule.job.replace('-', '_')}" for f in get_platform().functions.values() if f.schedule}
    assert alerts.keys() == {"oldest_waiting", "failure_rate", "lease_rescues", "denials", "errors"} | overdue
    for alert in alerts.values():
        (condition,) = alert.values["conditions"]
        (promql,) = condition["condition_prometheus_query_language"]
        used = re.findall(r"logging_googleapis_com:user_(convergence_[a-z_]+?)(?:_sum|_count)?[\[{]", promql["query"])
        assert used
        assert set(used) <= {metric.values["name"] for metric in plan.resources("google_logging_metric").values()}
    phrases = re.findall(r'jsonPayload\.message="([^"]+)"', json.dumps(plan.document).replace('\\"', '"'))
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "shared").rglob("*.py"))
    assert phrases
    assert {phrase for phrase in phrases if f'"{phrase}"' not in code} == set()


def test_no_overdue_alert_looks_further_back_than_cloud_monitoring_does() -> None:
    for function in get_platform().functions.values():
        if function.schedule:
            assert function.schedule.overdue_after_seconds <= 25 * 3600


def test_the_daily_query_quota_limits_the_cost(plan: Plan) -> None:
    (quota,) = plan.resources("google_cloud_quotas_quota_preference").values()
    assert quota.values["quota_id"] == "QueryUsagePerDay"
    assert quota.values["quota_config"][0]["preferred_value"] == str(5 * 1024 * 1024)
    assert all(function.max_instances <= 100 for function in get_platform().functions.values())


def test_no_secrets_value_is_in_the_plan_or_its_outputs(plan: Plan) -> None:
    assert not plan.resources("google_secret_manager_secret_version")
    assert not plan.resources("google_service_account_key")
    assert "X-Admin-Key" not in json.dumps(plan.document["planned_values"])
    assert not [name for name, output in plan.document["planned_values"]["outputs"].items() if output["sensitive"]]


def test_the_dispatchers_one_row_is_inserted_when_its_table_is_created(plan: Plan) -> None:
    (job,) = plan.resources("google_bigquery_job").values()
    (query,) = job.values["query"]
    assert "INSERT INTO `tenants`.dispatcher_state (epoch)" in query["query"]
    source = plan.configuration("google_bigquery_job.dispatcher_state")["job_id"]["references"]
    assert "local.labels" in source  # a job cannot be changed: other labels need another job, with another id
    assert (query["create_disposition"], query["write_disposition"]) == ("", "")
    assert [column.name for column in get_tables("tenants")["dispatcher_state"].columns] == ["epoch"]


def test_outputs_have_the_url_of_every_route(plan: Plan) -> None:
    routes = {
        route: url_of(name) + route.split()[1]
        for name, function in get_platform().functions.items()
        for route in function.routes
    }
    assert plan.outputs["routes"] == routes
