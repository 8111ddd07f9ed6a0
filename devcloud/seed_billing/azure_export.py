"""A sample export of Azure's actual costs as Cost Management delivers it: CSV for each month, and a manifest."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from devcloud.objects import Buckets
from devcloud.seed_billing.other_clouds import Bill, Use, text

Json = dict[str, Any]
_ACCOUNT, _SUBSCRIPTION = "8611537", "ed570627-0265-4620-bb42-bae06bcfa914"
_RESERVATION = {
    "PricingModel": "Reservation",
    "ReservationId": "/providers/Microsoft.Capacity/reservationOrders/b7e2d0f4/reservations/1a2b3c4d",
    "ReservationName": "VM_RI_E4s",
}
_FEE = Decimal("4.75")  # the reservation's fee for one day, USD
_COLUMNS = (
    "BillingAccountId", "BillingAccountName", "BillingPeriodStartDate", "BillingPeriodEndDate", "AccountOwnerId",
    "SubscriptionId", "SubscriptionName", "Date", "Product", "PartNumber", "MeterId", "MeterCategory", "MeterName",
    "Quantity", "UnitPrice", "PayGPrice", "Cost", "BillingCurrency", "UnitOfMeasure", "ChargeType", "Frequency",
    "PricingModel", "PublisherType", "ResourceLocation", "ResourceId", "ConsumedService", "ReservationId",
    "ReservationName", "Tags",
)  # fmt: skip


@dataclass
class Export:
    """The charges of one month."""

    bill: Bill
    charges: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.charges.extend(self._usage(use) for use in self.bill.usage())
        self.charges.extend(self._purchases())

    @property
    def billed(self) -> Decimal:
        """The billed cost of the charges."""
        return sum((Decimal(charge["Cost"]) for charge in self.charges), Decimal(0))

    def csv(self) -> bytes:
        """The charges as a file with a byte order mark, as Azure writes it."""
        sheet = io.StringIO()
        writer = csv.DictWriter(sheet, _COLUMNS)
        writer.writeheader()
        writer.writerows(self.charges)
        return sheet.getvalue().encode("utf-8-sig")

    def _usage(self, use: Use) -> Json:
        product, is_reserved = use.product, use.product.get("reserved", False)
        return self._charge(
            use.day, Decimal(0) if is_reserved else use.cost, "Usage",
            Product=product["product"],
            PartNumber=product["part"],
            MeterId=f"meter-{product['part'].lower()}",
            MeterCategory=product["category"],
            MeterName=product["meter"],
            # Quantity counts single units. The price is for the unit of measure, which may be 100 units.
            Quantity=text(use.amount * int(product["unit"].split(" ")[0].replace("1K", "1000"))),
            UnitPrice=text(use.price),
            PayGPrice=text(use.price),
            UnitOfMeasure=product["unit"],
            Frequency="UsageBased",
            ResourceLocation="EU West",
            ResourceId=self._resource(use),
            ConsumedService=product["service"],
            Tags='"team": "' + ("checkout", "search")[use.number % 2] + '"',
            **(_RESERVATION if is_reserved else {}),
        )  # fmt: skip

    def _purchases(self) -> Iterator[Json]:
        for day in self.bill.days:
            yield self._charge(
                day, _FEE, "Purchase", Product="Reserved VM Instance, Standard_E4s_v5, EU West, 1 Year",
                PartNumber="AAH-99001", MeterCategory="Virtual Machines", MeterName="E4s v5", Quantity="1",
                UnitPrice=text(_FEE), UnitOfMeasure="1 Hour", Frequency="Recurring", **_RESERVATION,
            )  # fmt: skip

    def _charge(self, day: date, cost: Decimal, kind: str, **given: str) -> Json:
        return {
            "BillingAccountId": _ACCOUNT,
            "BillingAccountName": "Acme",
            "BillingPeriodStartDate": f"{self.bill.period:%m/%d/%Y}",
            "BillingPeriodEndDate": f"{self.bill.last:%m/%d/%Y}",
            "AccountOwnerId": "owner@acme.example",
            "SubscriptionId": _SUBSCRIPTION,
            "SubscriptionName": "Shop",
            "Date": f"{day:%m/%d/%Y}",
            "Cost": text(cost),
            "BillingCurrency": "USD",
            "ChargeType": kind,
            "PricingModel": "OnDemand",
            "PublisherType": "Azure",
        } | given

    def _resource(self, use: Use) -> str:
        group = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/shop/providers"
        kind = use.product["kind"]
        return f"{group}/{use.product['service']}/{kind}/{kind.lower()[:4]}-{use.number + 1}"


def deliver_export(buckets: Buckets, bucket: str, prefix: str, seed: int, days: Sequence[date]) -> Json:
    """Deliver every month of these days, oldest first. Returns the rows and sums that a correct load has."""
    truth: Json = {"rows": 0, "currency": "USD", "billing_periods": {}}
    for period in sorted({day.replace(day=1) for day in days}):
        through = max(day for day in days if day.replace(day=1) == period)
        export = Export(Bill("azure", seed, period, through))
        run_on = through + timedelta(days=1)
        folder = f"{prefix}/costs/{period:%Y%m%d}-{export.bill.last:%Y%m%d}/{run_on:%Y%m%d}0400"
        file = f"{folder}/00000000-1111-4222-8333-444444444444/part_0_0001.csv.gz"
        buckets.put(bucket, file, gzip.compress(export.csv(), mtime=0))
        manifest = {
            "exportConfig": {"exportName": "costs", "type": "ActualCost"},
            "runInfo": {"startDate": f"{period}T00:00:00", "endDate": f"{export.bill.last}T00:00:00"},
            "blobs": [{"blobName": file}],
            "blobCount": 1,
            "dataRowCount": len(export.charges),
        }
        buckets.put(bucket, f"{file.rpartition('/')[0]}/manifest.json", json.dumps(manifest).encode())
        truth["rows"] += len(export.charges)
        truth["billing_periods"][f"{period:%Y-%m}"] = text(export.billed)
    return truth
