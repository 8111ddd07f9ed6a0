"""The sample bills of AWS and Azure: the same for a seed, as the clouds write them, and with known sums."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from devcloud.objects import Buckets
from devcloud.seed_billing.aws_report import deliver_report
from devcloud.seed_billing.azure_export import deliver_export
from shared.connectors.aws.deliveries import find_deliveries as aws_deliveries
from shared.connectors.azure.deliveries import find_deliveries as azure_deliveries
from shared.domain.object_stores import StoredObject

Json = dict[str, Any]
DAYS = [date(2025, 10, 30) + timedelta(days=number) for number in range(5)]
Deliver = Callable[[Buckets, str, str, int, Sequence[date]], Json]


def lines_of_aws(content: bytes) -> list[Json]:
    return pq.read_table(io.BytesIO(content)).to_pylist()


def lines_of_azure(content: bytes) -> list[Json]:
    return list(csv.DictReader(gzip.decompress(content).decode("utf-8-sig").splitlines()))


def billed_by_aws(line: Json) -> float:
    covered = line["line_item_line_item_type"] in ("SavingsPlanCoveredUsage", "SavingsPlanNegation")
    return 0.0 if covered else float(line["line_item_unblended_cost"])


@pytest.mark.parametrize(
    ("deliver", "find", "ending", "lines", "billed"),
    [
        (deliver_report, aws_deliveries, ".parquet", lines_of_aws, billed_by_aws),
        (deliver_export, partial(azure_deliveries, kind_of=str), ".csv.gz", lines_of_azure, lambda line: line["Cost"]),
    ],
)
def test_a_bill_is_found_by_month_and_adds_up_to_its_truth(
    tmp_path: Path, deliver: Deliver, find: Any, ending: str, lines: Any, billed: Any
) -> None:
    buckets = Buckets(tmp_path)
    truth = deliver(buckets, "bucket", "exports", 1, DAYS)
    found = buckets.list("bucket")
    stored = [StoredObject(each.key, each.etag, each.size, each.modified_at) for each in found]
    assert [str(period)[:7] for period in find(stored, place="bucket")] == ["2025-10", "2025-11"]
    files = [each.part(0, each.size) for each in found if each.key.endswith(ending)]
    costs = [[Decimal(str(billed(line))).quantize(Decimal("1e-9")) for line in lines(file)] for file in files]
    assert [sum(each) for each in costs] == [Decimal(total) for total in truth["billing_periods"].values()]
    assert truth["rows"] == sum(map(len, costs))


@pytest.mark.parametrize("deliver", [deliver_report, deliver_export])
def test_a_seed_decides_the_bill(tmp_path: Path, deliver: Deliver) -> None:
    one, same, other = (
        json.dumps(deliver(Buckets(tmp_path), f"{number}", "exports", seed, DAYS))
        for number, seed in enumerate((1, 1, 2))
    )
    assert one == same != other


def test_covered_usage_of_aws_is_taken_back(tmp_path: Path) -> None:
    buckets = Buckets(tmp_path)
    deliver_report(buckets, "bucket", "exports", 1, DAYS)
    file = next(each for each in buckets.list("bucket") if each.key.endswith(".parquet"))
    kinds: dict[str, Decimal] = {}
    for line in lines_of_aws(file.part(0, file.size)):
        cost = Decimal(str(line["line_item_unblended_cost"]))
        kinds[line["line_item_line_item_type"]] = kinds.get(line["line_item_line_item_type"], Decimal(0)) + cost
    assert kinds["SavingsPlanCoveredUsage"] == -kinds["SavingsPlanNegation"] > 0
    assert {"Usage", "SavingsPlanRecurringFee", "Credit", "Tax"} <= kinds.keys()
