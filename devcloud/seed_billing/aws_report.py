"""A sample CUR 2.0 as AWS Data Exports delivers it: Parquet for each billing period, and a manifest."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from devcloud.objects import Buckets
from devcloud.objects.s3 import REGION
from devcloud.seed_billing.other_clouds import Bill, Use, tax

Json = dict[str, Any]
_PAYER, _MEMBER = "123456789012", "210987654321"
_PLAN = "arn:aws:savingsplans::123456789012:savingsplan/5c3f9f4e-0b5e-4d3e-9a67-1f2d3c4b5a69"
_COMMITMENT = Decimal("6.5")  # the savings plan's commitment for one day, USD
_UNBILLED = frozenset({"SavingsPlanCoveredUsage", "SavingsPlanNegation"})
_NUMBERS = (
    "line_item_usage_amount", "line_item_unblended_rate", "line_item_unblended_cost", "pricing_public_on_demand_rate",
    "pricing_public_on_demand_cost", "savings_plan_savings_plan_rate", "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date", "savings_plan_used_commitment",
)  # fmt: skip
_DATES = (
    "bill_billing_period_start_date", "bill_billing_period_end_date", "line_item_usage_start_date",
    "line_item_usage_end_date",
)  # fmt: skip
_TEXTS = (
    "identity_line_item_id", "bill_bill_type", "bill_billing_entity", "bill_invoice_id", "bill_payer_account_id",
    "line_item_usage_account_id", "line_item_line_item_type", "line_item_line_item_description",
    "line_item_product_code", "line_item_usage_type", "line_item_operation", "line_item_resource_id",
    "line_item_tax_type", "line_item_currency_code", "pricing_unit", "pricing_term", "pricing_rate_code",
    "product_product_family", "product_region_code", "product_sku", "savings_plan_savings_plan_a_r_n",
    "savings_plan_offering_type",
)  # fmt: skip
_MAPS = ("product", "resource_tags")
_TEXT_MAP = pa.map_(pa.string(), pa.string())
_SCHEMA = pa.schema(
    [(name, pa.float64()) for name in _NUMBERS]
    + [(name, pa.timestamp("ms")) for name in _DATES]
    + [(name, pa.string()) for name in _TEXTS]
    + [(name, _TEXT_MAP) for name in _MAPS]
)


@dataclass
class Report:
    """The lines of one billing period. They have an invoice number if `is_invoiced`."""

    bill: Bill
    is_invoiced: bool
    lines: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines.extend(self._usage())
        self.lines.append(self._line("Credit", "AmazonEC2", Decimal("-3.5"), self.bill.days[-1]))
        self.lines.append(self._line("Tax", "AmazonEC2", tax(self.billed), self.bill.period, line_item_tax_type="VAT"))

    @property
    def billed(self) -> Decimal:
        """The billed cost of the lines. The plan's fee bills the usage that it covers."""
        costs = (line["cost"] for line in self.lines if line["line_item_line_item_type"] not in _UNBILLED)
        return sum(costs, Decimal(0))

    def parquet(self) -> bytes:
        """The lines as a file."""
        sink = BytesIO()
        pq.write_table(pa.Table.from_pylist([_typed(line) for line in self.lines], schema=_SCHEMA), sink)
        return sink.getvalue()

    def _usage(self) -> Iterator[Json]:
        used: defaultdict[date, Decimal] = defaultdict(Decimal)
        for use in self.bill.usage():
            under_plan = use.amount * Decimal(use.product.get("plan", 0))
            if under_plan and used[use.day] + under_plan <= _COMMITMENT:
                used[use.day] += under_plan
                yield from self._covered(use, under_plan)
            else:
                yield self._used("Usage", use)
        for day in self.bill.days:
            yield self._line(
                "SavingsPlanRecurringFee", "ComputeSavingsPlans", _COMMITMENT, day,
                line_item_usage_type="ComputeSP:1yrNoUpfront",
                savings_plan_total_commitment_to_date=_COMMITMENT,
                savings_plan_used_commitment=used[day],
                **_of_plan(),
            )  # fmt: skip

    def _covered(self, use: Use, under_plan: Decimal) -> Iterator[Json]:
        prices = {
            "savings_plan_savings_plan_rate": Decimal(use.product["plan"]),
            "savings_plan_savings_plan_effective_cost": under_plan,
        }
        yield self._used("SavingsPlanCoveredUsage", use) | _of_plan() | prices
        yield self._line(
            "SavingsPlanNegation", use.product["code"], -use.cost, use.day,
            line_item_usage_type=use.product["usage"],
            **_of_plan(),
        )  # fmt: skip

    def _used(self, kind: str, use: Use) -> Json:
        product = use.product
        return self._line(
            kind, product["code"], use.cost, use.day,
            line_item_usage_type=product["usage"],
            line_item_operation=product["operation"],
            line_item_resource_id=f"arn:aws:{product['code'].lower()}:{REGION}:{_MEMBER}:{product['sku']}/{use.number}",
            line_item_usage_amount=use.amount,
            line_item_unblended_rate=use.price,
            pricing_public_on_demand_rate=use.price,
            pricing_public_on_demand_cost=use.cost,
            pricing_unit=product["unit"],
            pricing_term="OnDemand",
            pricing_rate_code=f"{product['sku']}.JRTCKXETXF.6YS6EN2CT7",
            product_product_family=product["family"],
            product_region_code=REGION,
            product_sku=product["sku"],
            product={"product_name": product["name"]},
            resource_tags={"user_team": ("checkout", "search", "platform")[use.number % 3]},
        )  # fmt: skip

    def _line(self, kind: str, code: str, cost: Decimal, day: date, **given: Any) -> Json:
        return {
            "cost": cost,
            "identity_line_item_id": f"line-{self.bill.period:%Y%m}-{len(self.lines):06d}",
            "bill_bill_type": "Anniversary",
            "bill_billing_entity": "AWS",
            "bill_invoice_id": f"EUINDE26-{self.bill.period:%Y%m}" if self.is_invoiced else None,
            "bill_payer_account_id": _PAYER,
            "bill_billing_period_start_date": self.bill.period,
            "bill_billing_period_end_date": self.bill.end,
            "line_item_usage_account_id": _MEMBER,
            "line_item_line_item_type": kind,
            "line_item_line_item_description": f"{kind} of {code}",
            "line_item_product_code": code,
            "line_item_usage_start_date": day,
            "line_item_usage_end_date": day + timedelta(days=1),
            "line_item_currency_code": "USD",
            "line_item_unblended_cost": cost,
            "product": {},
            "resource_tags": {},
        } | given


def deliver_report(buckets: Buckets, bucket: str, prefix: str, seed: int, days: Sequence[date]) -> Json:
    """Deliver every billing period of these days, oldest first. All but the newest are invoiced.

    Returns the rows and sums that a correct load has.
    """
    newest, periods = days[-1].replace(day=1), sorted({day.replace(day=1) for day in days})
    truth: Json = {"rows": 0, "currency": "USD", "billing_periods": {}}
    for period in periods:
        through = max(day for day in days if day.replace(day=1) == period)
        report = Report(Bill("aws", seed, period, through), is_invoiced=period != newest)
        name = f"{prefix}/cur2/data/BILLING_PERIOD={period:%Y-%m}/cur2-00001.snappy.parquet"
        buckets.put(bucket, name, report.parquet())
        manifest = {"dataFiles": [f"s3://{bucket}/{name}"]}
        folder = f"{prefix}/cur2/metadata/BILLING_PERIOD={period:%Y-%m}"
        buckets.put(bucket, f"{folder}/cur2-Manifest.json", json.dumps(manifest).encode())
        truth["rows"] += len(report.lines)
        truth["billing_periods"][f"{period:%Y-%m}"] = f"{report.billed.normalize():f}"
    return truth


def _of_plan() -> Json:
    return {"savings_plan_savings_plan_a_r_n": _PLAN, "savings_plan_offering_type": "ComputeSavingsPlans"}


def _typed(line: Json) -> Json:
    numbers = {name: float(line[name]) for name in _NUMBERS if name in line}
    dates = {name: datetime(*line[name].timetuple()[:3]) for name in _DATES}  # noqa: DTZ001 - CUR 2.0 has no zones
    maps = {name: list(line[name].items()) for name in _MAPS}
    return {name: line.get(name) for name in _TEXTS} | numbers | dates | maps
