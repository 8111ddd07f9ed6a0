"""The official FOCUS validator accepts the rows that real runs publish, for every export and for the sample."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from tests.conftest import MakeTenant
from tests.support.executions import Executions
from tests.support.focus import lint
from tests.support.focus.exports import EXPORTS, TRUTHS, load, rows_of
from tests.support.tenant import Tenant

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venvs" / "focus" / "bin" / "python"
CONTROL = ROOT.parent / "shared" / "data" / "focus" / "focus_1.2_conforming_minimal.parquet"
SAMPLE = "sample"
FAULTS = {"ServiceCategory": "Cloud", "BillingCurrency": None, "EffectiveCost": Decimal("1.000000000")}
PACIFIC = ZoneInfo("America/Los_Angeles")  # where Google's invoice months begin
_SCALE = Decimal(1).scaleb(-9)

pytestmark = [
    pytest.mark.judge,
    pytest.mark.skipif(not PYTHON.exists(), reason="`make judge-focus` makes the validator's environment"),
]


@pytest.fixture(scope="module")
def tenants(executions: Executions, make_tenant: MakeTenant) -> dict[str, Tenant]:
    """Tenants with a finished run: one for each export, and one for its own sample."""
    found = {}
    for export in [*EXPORTS, None]:
        tenant = make_tenant()
        executions.run(tenant, {"billing_export_table": load(tenant, export)} if export else {})
        found[export.name if export else SAMPLE] = tenant
    return found


@pytest.fixture(scope="module")
def published(bigquery_client: bigquery.Client, tenants: dict[str, Tenant]) -> dict[str, pa.Table]:
    """The published rows of FOCUS 1.2, by the name of the export."""
    jobs = {
        name: bigquery_client.query(f"SELECT * FROM {tenant.tenant_id}.focus_cost_v1_2")
        for name, tenant in tenants.items()
    }
    return {
        name: job.to_arrow(create_bqstorage_client=False).replace_schema_metadata(None) for name, job in jobs.items()
    }


def broken_rules(folder: Path, tables: dict[str, pa.Table]) -> dict[str, dict[str, str]]:
    """The validator's result for each table."""
    files = [folder / f"{number}.parquet" for number in range(len(tables))]
    for file, table in zip(files, tables.values(), strict=True):
        pq.write_table(_plain(table), file)
    command = [str(PYTHON), str(ROOT / "tools" / "focus_judge" / "validate.py"), *map(str, files)]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert answer.returncode == 0, answer.stderr[-2000:]
    return dict(zip(tables, json.loads(answer.stdout), strict=True))


def _plain(table: pa.Table) -> pa.Table:
    """The table without Arrow's extension type for JSON, which Parquet readers do not know."""
    columns = [
        column.cast(pa.string()) if isinstance(column.type, pa.BaseExtensionType) else column
        for column in table.columns
    ]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def mutated(table: pa.Table, column: str, value: Any) -> pa.Table:
    place = table.column_names.index(column)
    return table.set_column(place, column, pa.array([value] * table.num_rows, table.column(column).type))


def test_every_rule_holds(published: dict[str, pa.Table], tmp_path: Path) -> None:
    assert broken_rules(tmp_path, published) == {name: {} for name in published}


@pytest.mark.skipif(not lint.PYTHON.exists(), reason="`make judge-focus` makes the linter's environment")
def test_the_linter_of_1_4_finds_nothing(
    bigquery_client: bigquery.Client, tenants: dict[str, Tenant], tmp_path: Path
) -> None:
    rows = {
        name: [dict(row) for row in bigquery_client.query_and_wait(f"SELECT * FROM {tenant.tenant_id}.focus_cost_v1_4")]
        for name, tenant in tenants.items()
    }
    wrong = [row | {"EffectiveCost": Decimal(1), "ListCost": row["ListCost"] + 1} for row in rows[SAMPLE]]
    found = lint.broken_rules(tmp_path, {**rows, "wrong": wrong})
    assert found.pop("wrong").keys() >= {
        "EffectiveCost:effective_cost_differs_from_billed",
        "ListCost:cost_not_unit_price_times_quantity",
    }
    assert found == {name: {} for name in rows}


def test_validator_accepts_valid_rows_and_refuses_invalid_ones(published: dict[str, pa.Table], tmp_path: Path) -> None:
    faulty = published[SAMPLE]
    for column, value in FAULTS.items():
        faulty = mutated(faulty, column, value)
    judged = {"sound": pq.read_table(CONTROL) if CONTROL.exists() else published[SAMPLE], "faulty": faulty}
    found = broken_rules(tmp_path, judged)
    assert found["sound"] == {}
    assert found["faulty"].keys() >= {"ServiceCategory-C-003-M", "BillingCurrency-C-004-M", "EffectiveCost-C-005-C"}


def test_text_beyond_ascii_is_accepted_and_other_faults_are_found(
    published: dict[str, pa.Table], tmp_path: Path
) -> None:
    written = published[SAMPLE]
    for column in ("ServiceName", "SkuMeter", "ChargeDescription", "SubAccountName", "PublisherName"):
        place = written.column_names.index(column)
        texts = [text and f"{text} 東京" for text in written.column(column).to_pylist()]
        written = written.set_column(place, column, pa.array(texts, pa.string()))
    found = broken_rules(tmp_path, {"written": written, "faulty": mutated(written, "ServiceCategory", "東京")})
    assert found["written"] == {}
    assert "ServiceCategory-C-003-M" in found["faulty"]


@pytest.mark.parametrize("export", EXPORTS, ids=lambda path: path.name)
def test_billed_cost_equals_the_sources_cost_to_the_last_digit(published: dict[str, pa.Table], export: Path) -> None:
    wanted: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows_of(export):
        amounts = [row["cost"], *(item["amount"] for item in row["credits"])]
        wanted[row["invoice"]["month"]] += sum(Decimal(str(amount)).quantize(_SCALE) for amount in amounts)
    table = published[export.name]
    found: dict[str, Decimal] = defaultdict(Decimal)
    for line in table.select(["BillingPeriodStart", "BilledCost"]).to_pylist():
        found[f"{line['BillingPeriodStart'].astimezone(PACIFIC):%Y%m}"] += line["BilledCost"]
    assert found == wanted


@pytest.mark.parametrize("name", [*(path.name for path in EXPORTS), SAMPLE])
def test_effective_cost_of_a_billing_period_equals_its_billed_cost(published: dict[str, pa.Table], name: str) -> None:
    keys = ["BillingPeriodStart", "BillingCurrency"]
    sums = published[name].group_by(keys).aggregate([("BilledCost", "sum"), ("EffectiveCost", "sum")]).to_pylist()
    assert sums
    assert [line["EffectiveCost_sum"] for line in sums] == [line["BilledCost_sum"] for line in sums]


@pytest.mark.parametrize("export", TRUTHS, ids=lambda path: path.name)
def test_truth_file_has_the_same_sums(published: dict[str, pa.Table], export: Path) -> None:
    truth = json.loads(TRUTHS[export].read_text())
    parts = [Decimal(amount) for month in truth.values() for part, amount in month.items() if part != "rows"]
    assert pc.sum(published[export.name]["BilledCost"]).as_py() == sum(parts)
