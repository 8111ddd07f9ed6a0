"""The export's rows by day: usage with credits, fees of commitments, corrections, and each month's invoice lines."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from devcloud.seed_billing.commitments import Commitment, Coverage, buy_commitments
from devcloud.seed_billing.credits import draw_credits
from devcloud.seed_billing.workloads import Organisation, Rate, Workload, draw_organisation

Json = dict[str, Any]

_INVOICE_ZONE = ZoneInfo("America/Los_Angeles")  # Google's invoice months begin at midnight there
_HOURS = [2, 1, 1, 1, 1, 2, 3, 4, 6, 8, 9, 9, 9, 9, 10, 11, 11, 10, 9, 8, 7, 6, 4, 3]
_CENT = Decimal("0.01")
_TAX_RATE = Decimal("0.0725")
_SUPPORT = {"id": "2062-016F-44A2", "description": "Support"}
_INVOICE = {"id": "CCD8-9BF1-0910", "description": "Invoice"}


@dataclass(frozen=True)
class Plan:
    """The plan of an export: `days` usage dates (UTC) from `start`, with `rows_per_day` rows of usage on each."""

    seed: int
    start: date
    days: int
    rows_per_day: int

    @property
    def end(self) -> date:
        """The first date after the last one."""
        return self.start + timedelta(days=self.days)


@dataclass(frozen=True)
class Row:
    """One row as a line of JSON, and the values that a reader must find in it."""

    text: str
    exported_on: date
    usage_date: date
    invoice_month: str
    cost: Decimal
    credit: Decimal


@dataclass
class Generator:
    """Makes the rows of a plan in the order of the days that cause them. No row is exported before its day."""

    plan: Plan
    organisation: Organisation = field(init=False)
    commitments: dict[str, Commitment] = field(init=False)
    _billed: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def __post_init__(self) -> None:
        self.organisation = draw_organisation(self.plan.seed)
        self.commitments = buy_commitments(self.organisation, self.plan.rows_per_day)

    def days(self) -> Iterator[tuple[date, Iterator[Row]]]:
        """Each day with its rows, to be read in this order."""
        for number in range(self.plan.days):
            day = self.plan.start + timedelta(days=number)
            yield day, self._rows(day)

    def _rows(self, day: date) -> Iterator[Row]:
        rng = random.Random(f"{self.plan.seed} {day}")  # noqa: S311 - sample data, not a secret
        workloads = rng.choices(self.organisation.workloads, self.organisation.weights, k=self.plan.rows_per_day)
        hours = Counter(_invoice_month(_at(day, hour)) for hour in range(24))
        coverage = Coverage(hours)
        for workload in workloads:
            yield self._usage(rng, workload, day, coverage)
        yield from self._fees(day, coverage)
        for workload in workloads[: self.plan.rows_per_day // 100]:
            usage_date = day - timedelta(days=rng.randint(3, 9))
            if usage_date >= self.plan.start:
                yield self._correction(rng, workload, usage_date, day)
        if (day + timedelta(days=1)).day == 1 or day + timedelta(days=1) == self.plan.end:
            yield from self._invoice_lines(day)

    def _usage(self, rng: random.Random, workload: Workload, day: date, coverage: Coverage) -> Row:
        start = _at(day, rng.choices(range(24), _HOURS)[0])
        amount = self._amount(rng, workload, start)
        rate, reductions = self._committed(workload, amount, _invoice_month(start), coverage)
        subscription = workload.commitment if reductions or rate is workload.committed else None
        cost = amount * rate.effective_price
        remaining = cost + sum((Decimal(str(reduction["amount"])) for reduction in reductions), Decimal(0))
        # Free tiers and discounts apply to usage that no commitment prices.
        types = () if rate is workload.committed else workload.credits
        reductions = [*reductions, *draw_credits(rng, types, remaining)]
        late = rng.random() < 0.03
        exported = start + timedelta(hours=rng.randint(48, 120) if late else rng.randint(2, 18))
        varying = self._amounts(workload, rate, amount) | {
            "credits": reductions,
            "subscription": {"instance_id": subscription},
            "cost_type": "regular",
        }
        length = timedelta(hours=1)
        return self._row(rate.opening, varying, start=start, length=length, exported=exported, cost=cost)

    def _committed(
        self, workload: Workload, amount: Decimal, month: str, coverage: Coverage
    ) -> tuple[Rate, list[Json]]:
        """The price of the usage and its credits. They depend on how much of the day's commitment is left."""
        if workload.commitment is None:
            return workload.rate, []
        commitment = self.commitments[workload.commitment]
        if workload.committed:
            covered = coverage.take(commitment, month, amount * workload.committed.effective_price)
            return workload.committed if covered else workload.rate, []
        covered = coverage.take(commitment, month, amount) * workload.rate.effective_price
        return workload.rate, [commitment.credit(covered)] if covered else []

    def _amount(self, rng: random.Random, workload: Workload, start: datetime) -> Decimal:
        demand = rng.lognormvariate(0, 0.35) * (1 + workload.growth) ** (start.date() - self.plan.start).days
        if start.weekday() >= 5:
            demand *= workload.weekend
        if workload.spikes and start.date() == _incident(self.plan.seed, start.date()):
            demand *= 5
        return max(Decimal(workload.amount * demand).quantize(workload.amount_quantum), workload.amount_quantum)

    def _amounts(self, workload: Workload, rate: Rate, amount: Decimal) -> Json:
        default = workload.rate
        return {
            "cost": float(amount * rate.effective_price),
            "cost_at_list": float(amount * default.list_price),
            "cost_at_effective_price_default": f"{amount * default.effective_price:f}",
            "cost_at_list_consumption_model": f"{amount * rate.list_price:f}",
            "usage": {
                "amount": float(amount * workload.per),
                "unit": workload.unit,
                "amount_in_pricing_units": float(amount),
                "pricing_unit": workload.pricing_unit,
            },
        }

    def _correction(self, rng: random.Random, workload: Workload, usage_date: date, day: date) -> Row:
        """A row that takes back part of an earlier day's usage. It is on the invoice that is open at its export."""
        amount = -self._amount(rng, workload, _at(usage_date, 12)) * rng.choice((1, 2)) / 4
        amount = amount.quantize(workload.amount_quantum)
        information = {"description": "Incorrect metering", "mode": "PARTIAL_CORRECTION", "type": "USAGE_CORRECTION"}
        varying = self._amounts(workload, workload.rate, amount) | {
            "credits": [],
            "cost_type": "regular",
            "adjustment_info": {"id": f"adj-{rng.randrange(16**8):08x}"} | information,
        }
        return self._row(
            workload.rate.opening,
            varying,
            start=_at(usage_date, rng.randrange(24)),
            length=timedelta(hours=1),
            exported=_at(day, 20),
            cost=amount * workload.rate.effective_price,
            invoice_month=_invoice_month(_at(day, 12)),
        )

    def _fees(self, day: date, coverage: Coverage) -> Iterator[Row]:
        """The rows of the fees on a day: one for each commitment, or two if the day lies in two invoice months."""
        for commitment in self.commitments.values():
            start = _at(day, 0)
            for month, hours in coverage.hours.items():
                cost, varying = commitment.fee(hours, coverage.used(commitment, month))
                length, exported = timedelta(hours=hours), _at(day, 14) + timedelta(days=1)
                yield self._row("{", varying, start=start, length=length, exported=exported, cost=cost)
                start += length

    def _invoice_lines(self, day: date) -> Iterator[Row]:
        """The rows that a month's invoice adds without a project: support, a goodwill credit, tax, and the rounding."""
        month = _invoice_month(_at(day, 12))
        support = {"service": _SUPPORT, "sku": {"id": "4A6F-0E28-91BC", "description": "Standard Support"}}
        goodwill = {"id": f"gw-{month}", "description": "SLA breach", "mode": "MANUAL_ADJUSTMENT", "type": "GOODWILL"}
        yield self._invoice_line(day, support, "regular", Decimal(29))
        compensation = {
            "service": _SUPPORT,
            "sku": {"description": "Goodwill: SLA credit"},
            "adjustment_info": goodwill,
        }
        yield self._invoice_line(day, compensation, "adjustment", Decimal("-7.5"))
        tax = (self._billed[month] * _TAX_RATE).quantize(_CENT)
        yield self._invoice_line(day, {"service": _INVOICE, "sku": {"description": "Sales tax"}}, "tax", tax)
        rounding = self._billed[month].quantize(_CENT) - self._billed[month]
        line = {"service": _INVOICE, "sku": {"description": "Rounding error"}}
        yield self._invoice_line(day, line, "rounding_error", rounding)

    def _invoice_line(self, day: date, content: Json, cost_type: str, cost: Decimal) -> Row:
        first = max(self.plan.start, day.replace(day=1))
        start, end = (datetime(on.year, on.month, on.day, tzinfo=_INVOICE_ZONE) for on in (first, day))
        usage = {"amount": 0.0, "amount_in_pricing_units": 0.0}
        varying = content | {"cost": float(cost), "cost_type": cost_type, "usage": usage, "credits": []}
        length = end + timedelta(days=1) - start
        exported = _at(day, 12) + timedelta(days=3)
        return self._row("{", varying, start=start.astimezone(UTC), length=length, exported=exported, cost=cost)

    def _row(
        self,
        opening: str,
        varying: Json,
        *,
        start: datetime,
        length: timedelta,
        exported: datetime,
        cost: Decimal,
        invoice_month: str | None = None,
    ) -> Row:
        month = invoice_month or _invoice_month(start)
        # No row is exported later than the day after the range. So the export of a range that ended the day before
        # yesterday is complete and has no time in the future.
        exported = min(exported, _at(self.plan.end, 23))
        varying = varying | {
            "billing_account_id": self.organisation.billing_account_id,
            "usage_start_time": _text(start),
            "usage_end_time": _text(start + length),
            "export_time": _text(exported),
            "currency": "USD",
            "currency_conversion_rate": 1.0,
            "invoice": {"month": month},
        }
        credit = sum((Decimal(str(item["amount"])) for item in varying["credits"]), Decimal(0))
        self._billed[month] += cost + credit
        closing = json.dumps(varying).removeprefix("{")
        text = f"{opening}, {closing}" if opening != "{" else "{" + closing
        return Row(text, exported.date(), start.date(), month, cost, credit)


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@lru_cache(maxsize=1024)  # many rows have the same hours, and strftime is slow
def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=1024)
def _invoice_month(moment: datetime) -> str:
    return moment.astimezone(_INVOICE_ZONE).strftime("%Y%m")


def _incident(seed: int, day: date) -> date:
    """The day of the month's incident. Workloads with `spike` use more on it."""
    return day.replace(day=random.Random(f"incident {seed} {day:%Y%m}").randint(8, 24))  # noqa: S311


def default_start(days: int) -> date:
    """The first of the last `days` complete days. The last rows of a day are exported on the next day."""
    return datetime.now(UTC).date() - timedelta(days=days + 1)
