"""devcloud serves exactly what Terraform creates: functions, routes, queues, jobs and tables."""

import json

import pytest

from devcloud.environment import function_environment
from devcloud.gateway.routes import Routes
from devcloud.server import Devcloud
from tests.support.terraform.checks import UNSET
from tests.support.terraform.workspace import Plan

pytestmark = [pytest.mark.judge, pytest.mark.timeout(280)]


def planned_jobs(plan: Plan) -> dict[str, tuple[str, str]]:
    jobs = plan.resources("google_cloud_scheduler_job").values()
    return {job.values["name"]: (job.values["schedule"], job.values["attempt_deadline"]) for job in jobs}


def test_functions_and_routes_are_the_same(cloud: Devcloud, plan: Plan) -> None:
    served = Routes(cloud.cloud.platform.functions)
    assert cloud.cloud.platform.functions.keys() == plan.resources("google_cloudfunctions2_function").keys()
    for route, url in plan.outputs["routes"].items():
        destination = served.find_destination(route.split()[1].replace("{", "").replace("}", ""))
        assert destination is not None
        assert f"https://{destination.function.replace('_', '-')}-" in url


def test_each_function_gets_the_same_settings(cloud: Devcloud, plan: Plan) -> None:
    for name in plan.resources("google_cloudfunctions2_function"):
        deployed = set(plan.environment_of(name))
        local = function_environment(cloud.cloud, name, key_file=cloud.cloud.ca_path).keys()
        assert deployed <= local
        asked_for = set(cloud.cloud.platform.functions[name].environment)
        assert (local & asked_for) - deployed <= UNSET  # devcloud's own addresses and shorter pauses


def test_queues_are_the_same(cloud: Devcloud, plan: Plan) -> None:
    with cloud.clients() as clients:
        served = {
            queue.name.rpartition("/")[2]: queue for queue in clients.tasks().list_queues(parent=cloud.cloud.parent)
        }
    planned = {queue.values["name"]: queue.values for queue in plan.resources("google_cloud_tasks_queue").values()}
    assert served.keys() == planned.keys()
    for name, queue in served.items():
        (rates,), (retries,) = planned[name]["rate_limits"], planned[name]["retry_config"]
        assert queue.rate_limits.max_dispatches_per_second == rates["max_dispatches_per_second"]
        assert queue.rate_limits.max_concurrent_dispatches == rates["max_concurrent_dispatches"]
        assert queue.retry_config.max_attempts == retries["max_attempts"]


def test_jobs_are_the_same(cloud: Devcloud, plan: Plan) -> None:
    with cloud.clients() as clients:
        jobs = list(clients.scheduler().list_jobs(parent=cloud.cloud.parent))
    served = {job.name.rpartition("/")[2]: (job.schedule, f"{job.attempt_deadline.total_seconds():g}s") for job in jobs}
    assert served == planned_jobs(plan)


def test_tables_are_the_same(cloud: Devcloud, plan: Plan) -> None:
    with cloud.clients() as clients:
        bigquery = clients.bigquery()
        central = cloud.cloud.platform.datasets.central
        served = {table.table_id: bigquery.get_table(table.reference) for table in bigquery.list_tables(central)}
        rows = list(bigquery.query_and_wait(f"SELECT epoch FROM `{central}`.dispatcher_state"))
    planned = plan.resources("google_bigquery_table")
    assert served.keys() == planned.keys()
    assert len(rows) == 1
    for name, table in served.items():
        columns = [(field.name, field.field_type, field.mode, field.description or "") for field in table.schema]
        wanted = json.loads(planned[name].values["schema"])
        assert columns == [(each["name"], each["type"], each["mode"], each["description"]) for each in wanted]
        assert (table.clustering_fields or []) == (planned[name].values["clustering"] or [])
        partitioning = planned[name].values["time_partitioning"]
        assert bool(table.time_partitioning) == bool(partitioning)
        if partitioning:
            assert (table.time_partitioning.type_, table.time_partitioning.field) == (
                partitioning[0]["type"],
                partitioning[0]["field"],
            )
