"""azure/cost/billing from a container to published rows: every billing period whole, and only it."""

from __future__ import annotations

import base64
import csv
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devcloud.identity.identity import unique_id
from tests.conftest import MakeTenant
from tests.support.azure_exports import Export, charge, total
from tests.support.daily_costs import assert_added_up
from tests.support.executions import Executions
from tests.support.local_blobs import ACCOUNT, CLIENT, LocalBlobs, local_blobs
from tests.support.reconciled import assert_reconciled
from tests.support.tenant import Api, Tenant

DATA = Path(__file__).parents[4] / "shared" / "data" / "azure"
AUGUST, SEPTEMBER = date(2026, 8, 1), date(2026, 9, 1)
TRIES = 3  # of the step that reads, in its template


@dataclass(frozen=True)
class Container:
    """A tenant whose credential names a prefix of a container of its own."""

    tenant: Tenant
    executions: Executions
    azure: LocalBlobs
    name: str
    export: Export

    @property
    def api(self) -> Api:
        return Api(self.executions.cloud.ready["gateway"], self.tenant.api_key)

    @property
    def source(self) -> str:
        return f"azure:{ACCOUNT}/{self.name}/exports"

    def store_credentials(self, **wrong: Any) -> dict[str, Any]:
        body = self.azure.credentials(self.name, "exports", **wrong)
        answer = self.api.post(f"/api/v1/tenants/{self.tenant.tenant_id}/credentials", body)
        assert answer.status_code in (200, 201), answer.text
        verified: dict[str, Any] = answer.json()
        return verified

    def run(self) -> None:
        self.executions.run(self.tenant, {}, source=self.source)

    def fail(self) -> str:
        delivery = self.executions.admit(self.tenant, {}, source=self.source, max_retries=0)
        assert self.executions.deliver(delivery) == "FAILED"
        return self.executions.error_of(delivery)

    def billed(self) -> dict[date, tuple[int, Decimal]]:
        return {
            row["period"]: (row["row_count"], row["billed"])
            for row in self.executions.query(
                "SELECT DATE(BillingPeriodStart) AS period, COUNT(*) AS row_count, SUM(BilledCost) AS billed"
                f" FROM {self.tenant.tenant_id}.focus_cost GROUP BY period ORDER BY period"
            )
        }


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBlobs]:
    with local_blobs(tmp_path_factory.mktemp("azure")) as started:
        yield started


@pytest.fixture(scope="module")
def runs(executions: Executions, environment: dict[str, str], azure: LocalBlobs, tmp_path_factory: Any) -> Any:
    from devcloud.gateway.function_process import FunctionProcess
    from tests.support.instance import Instance

    folder = tmp_path_factory.mktemp("execute")
    trusted = folder / "trusted.pem"
    known = environment.get("REQUESTS_CA_BUNDLE")
    trusted.write_bytes((Path(known).read_bytes() if known else b"") + azure.certificate.read_bytes())
    settings = environment | {"BLOB_ENDPOINT": azure.endpoint, "ENTRA_ENDPOINT": azure.endpoint}
    settings["REQUESTS_CA_BUNDLE"] = str(trusted)
    instance = Instance(FunctionProcess("execute_run", lambda: settings, log_path=folder / "execute_run.log"))
    yield replace(executions, url=instance.url)
    instance.stop()


@pytest.fixture
def make_container(azure: LocalBlobs, runs: Executions, make_tenant: MakeTenant) -> Callable[[], Container]:
    def make() -> Container:
        name = azure.make_container()
        return Container(make_tenant(), runs, azure, name, Export(partial(azure.put, name)))

    return make


def test_a_period_is_replaced_whole_and_only_it(make_container: Callable[[], Container]) -> None:
    container = make_container()
    assert container.store_credentials()["pipelines"] == ["azure-cost-billing", "azure-cost-focus"]
    august = [charge(AUGUST, number, cost) for number, cost in enumerate(["4", "0.123456789"])]
    september = [charge(SEPTEMBER, number, cost) for number, cost in enumerate(["1.5", "2.25"])]
    container.export.deliver(AUGUST, august, ending="snappy.parquet")
    container.export.deliver(SEPTEMBER, september, files=2, ending="csv.gz")
    container.run()
    assert container.billed() == {AUGUST: (2, total(august)), SEPTEMBER: (2, total(september))}

    fewer = [charge(SEPTEMBER, 1, "7")]
    container.export.deliver(SEPTEMBER, fewer)
    container.run()
    assert container.billed() == {AUGUST: (2, total(august)), SEPTEMBER: (1, Decimal(7))}


def test_what_cannot_be_read_ends_the_run_by_name_and_publishes_nothing(
    make_container: Callable[[], Container],
) -> None:
    container = make_container()
    container.store_credentials(client_secret="x" * 20)
    assert "CREDENTIALS_REJECTED: Azure refuses the application: AADSTS7000215" in container.fail()
    container.store_credentials(tenant_id=CLIENT)
    assert "CREDENTIALS_REJECTED: Azure refuses the application: AADSTS90002" in container.fail()

    container.store_credentials()
    container.export.deliver_file(SEPTEMBER, [charge(SEPTEMBER, 1, "1", Date="25.09.2026")])
    assert "a row has 25.09.2026" in container.fail()

    container.export.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "1")], manifest={"dataRowCount": 2})
    assert "manifest.json is of 2 rows, and its files have 1" in container.fail()
    container.export.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "2")])
    container.run()
    assert container.billed() == {SEPTEMBER: (1, Decimal(2))}


def test_a_delivery_that_is_replaced_while_it_is_read_is_read_again(make_container: Callable[[], Container]) -> None:
    container = make_container()
    container.store_credentials()
    _, second = container.export.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "1"), charge(SEPTEMBER, 2, "2")], files=2)

    def replace_it(read: str) -> None:
        if read == second:
            container.azure.before_read = None
            container.azure.put(container.name, second, b"another")
            container.export.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "5")])

    container.azure.before_read = replace_it
    container.run()
    assert container.azure.before_read is None
    assert container.billed() == {SEPTEMBER: (1, Decimal(5))}


def test_a_delivery_that_never_stays_is_read_a_bounded_number_of_times(make_container: Callable[[], Container]) -> None:
    container, reads = make_container(), list[str]()
    container.store_credentials()
    rows = [charge(SEPTEMBER, 1, "1"), charge(SEPTEMBER, 2, "2")]
    keys = container.export.deliver(SEPTEMBER, rows, files=2)

    def replace_it(read: str) -> None:
        if read.rpartition("/")[2] == keys[1].rpartition("/")[2]:
            reads.append(read)
            manifest = f"{read.rpartition('/')[0]}/manifest.json"
            container.azure.put(container.name, manifest, b"another")
            container.export.deliver(SEPTEMBER, rows, files=2)

    container.azure.before_read = replace_it
    error = container.fail()
    container.azure.before_read = None
    assert (len(reads), len(set(reads))) == (TRIES, TRIES)  # each try lists anew, and reads the newest run
    assert error.startswith("UNAVAILABLE: exports/costs/20260901-20260930/")
    assert error.endswith("/manifest.json was delivered anew while it was read")
    container.run()
    assert container.billed() == {SEPTEMBER: (2, Decimal(3))}


def test_a_request_to_run_it_names_the_container_as_its_source(make_container: Callable[[], Container]) -> None:
    container = make_container()
    container.store_credentials()
    answer = container.api.post(f"/api/v1/pipelines/run/{container.tenant.tenant_id}/azure/cost/billing", {})
    assert answer.status_code == 202, answer.text
    (queued,) = container.executions.query(
        "SELECT pipeline_id, source FROM tenants.pipeline_execution_queue WHERE run_id = @run_id",
        run_id=answer.json()["pipeline_logging_id"],
    )
    assert queued == {"pipeline_id": "azure-cost-billing", "source": container.source}


@pytest.mark.parametrize(
    ("file", "days"),
    [
        ("ftk_EA_ActualCost_Small_2023-09.csv", "20230901-20230930"),
        ("nise_azure_2026-09_seed105.csv", "20260901-20260930"),
    ],
)
def test_what_is_published_equals_the_export_to_the_last_digit(
    make_container: Callable[[], Container], file: str, days: str
) -> None:
    if not (DATA / file).exists():
        pytest.skip(f"the sample {file} is not on this machine")
    content = (DATA / file).read_bytes()
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    container = make_container()
    container.store_credentials()
    container.azure.put(container.name, f"exports/costs/{days}/costs.csv", content)
    container.run()
    nine = Decimal("1e-9")
    costs = [Decimal(row.get("Cost") or row["CostInBillingCurrency"]).quantize(nine, ROUND_HALF_UP) for row in rows]
    (billed,) = container.billed().values()
    assert billed == (len(rows), sum(costs, Decimal(0)))
    first = date.fromisoformat(days[:8]).isoformat()
    assert_reconciled(container.tenant, first, first, billed=billed[1])


def test_amortised_costs_without_a_manifest_are_refused(make_container: Callable[[], Container]) -> None:
    container = make_container()
    container.store_credentials()
    covered = charge(SEPTEMBER, 1, "1", PricingModel="Reservation")
    container.export.deliver_file(SEPTEMBER, [covered, charge(SEPTEMBER, 2, "2")])
    assert "CHECK_FAILED: amortized_as_actual: 1, expected 0" in container.fail()
    assert container.billed() == {}


def test_actual_and_amortised_costs_are_billed_once_and_spread_by_effective_cost(
    make_container: Callable[[], Container],
) -> None:
    container = make_container()
    container.store_credentials()
    covered = {"PricingModel": "Reservation", "ReservationId": "/r/1", "ReservationName": "r1"}
    bought = charge(SEPTEMBER, 3, "30", ChargeType="Purchase", **covered)
    used = [charge(SEPTEMBER, 1, "2", ReservationId="", ReservationName=""), charge(SEPTEMBER, 2, "0", **covered)]
    spread = [used[0], charge(SEPTEMBER, 2, "0.6", **covered)]
    spread.append(charge(SEPTEMBER, 4, "0.4", ChargeType="UnusedReservation", **covered))
    amortized = replace(container.export, prefix="exports/amortized")
    amortized.deliver(SEPTEMBER, spread, manifest={"exportConfig": {"type": "AmortizedCost"}})
    assert "CHECK_FAILED: commitments_without_purchases: 1, expected 0" in container.fail()
    container.export.deliver(SEPTEMBER, [*used, bought])
    container.run()
    assert container.billed() == {SEPTEMBER: (4, Decimal(32))}
    assert_reconciled(container.tenant, "2026-09-01", "2026-09-30", billed=Decimal(32))
    assert_added_up(container.executions.client, container.tenant.tenant_id)
    (effective,) = container.executions.query(
        f"SELECT SUM(EffectiveCost) AS cost FROM {container.tenant.tenant_id}.focus_cost"
    )
    assert effective["cost"] == Decimal(3)


def test_an_application_is_read_without_a_secret_for_the_tenants_own_audience(
    make_container: Callable[[], Container],
) -> None:
    container = make_container()
    container.store_credentials(client_secret=None, federated_credential={})
    container.export.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "1")])
    container.run()
    assert container.billed() == {SEPTEMBER: (1, Decimal(1))}
    payload = container.azure.assertions[-1].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    guide = container.api.get(f"/api/v1/tenants/{container.tenant.tenant_id}/credentials/setup?provider=AZURE").json()
    assert (claims["aud"], claims["sub"]) == (guide["audience"], guide["subject"])


def test_a_marker_proves_the_tenant_where_entra_takes_only_its_usual_audience(
    make_container: Callable[[], Container], azure: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    container, neighbour = make_container(), make_container()
    client, cloud = str(uuid.uuid4()), container.executions.cloud
    monkeypatch.setattr(azure, "certificates", cloud.identity.certs())
    worker = unique_id(f"cvg-worker@{cloud.project}.iam.gserviceaccount.com")
    container = replace(container, name=f"marked-{client}", export=Export(partial(azure.put, f"marked-{client}")))
    azure.buckets.make(f"{ACCOUNT}/{container.name}", client)
    azure.buckets.trust(f"{ACCOUNT}/{container.name}", {"sub": worker, "aud": "api://AzureADTokenExchange"})
    container.export.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "1")])
    application = {"client_id": client, "client_secret": None}

    container.store_credentials(**application, federated_credential={})
    assert "CREDENTIALS_REJECTED: Azure refuses the application: AADSTS700213" in container.fail()
    container.store_credentials(**application, federated_credential={"proof": "marker"})
    assert "does not say that this tenant may read it; upload the blob exports/convergence-" in container.fail()

    guide = container.api.get(f"/api/v1/tenants/{container.tenant.tenant_id}/credentials/setup?provider=AZURE").json()
    (marker,) = re.findall(r"--name PREFIX/(\S+)", guide["steps"][2]["paste"])
    azure.put(container.name, f"exports/{marker}", b"")
    container.run()
    assert container.billed() == {SEPTEMBER: (1, Decimal(1))}

    thief = replace(neighbour, name=container.name)
    thief.store_credentials(**application, federated_credential={"proof": "marker"})
    assert "does not say that this tenant may read it" in thief.fail()
