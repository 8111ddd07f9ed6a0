"""Sources of one tenant are published at the same time: each run changes only its own rows, and all complete."""

from __future__ import annotations

from shared.configuration.templates import get_template
from tests.support.executions import Delivery, Executions, eventually
from tests.support.tenant import Tenant

TARGETS = [target.table for target in get_template("gcp", "cost", "billing").publish]
DAY = {"date": "2025-11-16"}
OTHER_CLOUD = "aws:123456789012"


def plant_other_cloud(executions: Executions, tenant: Tenant) -> None:
    """Insert rows of another cloud's source into every target: copies of the rows that are there, for the same days."""
    for table in TARGETS:
        name = f"{tenant.tenant_id}.{table}"
        executions.query(f"INSERT INTO {name} SELECT * REPLACE ('{OTHER_CLOUD}' AS x_source) FROM {name}")
        executions.query(f"CREATE TABLE {name}_elsewhere AS SELECT * FROM {name} WHERE x_source = '{OTHER_CLOUD}'")


def publish_of_other_cloud(tenant: Tenant) -> list[str]:
    """The connector's statements that replace its rows, between BEGIN and COMMIT TRANSACTION."""
    tables = [f"{tenant.tenant_id}.{table}" for table in TARGETS]
    deletes = [f"DELETE FROM {table} WHERE x_source = '{OTHER_CLOUD}'" for table in tables]
    return deletes + [f"INSERT INTO {table} SELECT * FROM {table}_elsewhere" for table in tables]


def rows_of(executions: Executions, tenant: Tenant, source: str) -> dict[str, list[str]]:
    """A source's rows in every target."""
    sql = f"SELECT * FROM {tenant.tenant_id}.{{table}} WHERE x_source = @source"
    return {table: sorted(map(repr, executions.query(sql.format(table=table), source=source))) for table in TARGETS}


def failures_of(executions: Executions, delivery: Delivery) -> list[str]:
    """The reasons for which publish jobs of a run failed."""
    jobs = [job for job in executions.client.list_jobs() if job.labels.get("lease") == delivery.lease_id]
    return [job.error_result["message"] for job in jobs if job.error_result]


def test_a_publish_that_another_clouds_publish_aborts_is_repeated(executions: Executions, tenant: Tenant) -> None:
    executions.run(tenant, DAY)
    plant_other_cloud(executions, tenant)
    others = rows_of(executions, tenant, OTHER_CLOUD)
    delivery, cloud = executions.admit(tenant, DAY), executions.cloud
    with executions.held(delivery, "publish") as held:
        with cloud.bigquery.open_transaction(cloud.project, *publish_of_other_cloud(tenant)):
            held.let_go()
            failures = eventually(lambda: failures_of(executions, delivery))
        assert held.answer.result() == "SUCCEEDED", executions.error_of(delivery)
    assert all("concurrent update" in message for message in failures)
    assert rows_of(executions, tenant, OTHER_CLOUD) == others
    own = rows_of(executions, tenant, f"gcp:{tenant.export.table}")
    assert {table: len(rows) for table, rows in own.items()} == {table: len(rows) for table, rows in others.items()}
    assert all(delivery.run_id in row for rows in own.values() for row in rows)


def test_emptying_a_source_keeps_another_clouds_rows(executions: Executions, tenant: Tenant) -> None:
    executions.run(tenant, DAY)
    plant_other_cloud(executions, tenant)
    others = rows_of(executions, tenant, OTHER_CLOUD)
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(f"TRUNCATE TABLE `{tenant.export.table}`")
    executions.run(tenant, {**DAY, "allow_empty": True})
    assert not any(rows_of(executions, tenant, f"gcp:{tenant.export.table}").values())
    assert rows_of(executions, tenant, OTHER_CLOUD) == others
