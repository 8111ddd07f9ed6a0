"""Compares the published costs with those that the providers delivered, invoice by invoice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from itertools import groupby
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.domain.costs import EARLIEST, EXACT, LATEST
from shared.domain.requests.parsing import AS_DAY, wrong
from shared.errors import InvalidInput

MAX_LINES = 10_000
_MAX_DAYS = 1200
_LINE = (
    "source", "invoice_issuer", "billing_period", "invoice_id", "billed_cost", "source_cost", "difference",
    "row_count", "source_row_count", "is_final", "restated_at", "read_at", "pipeline_logging_id",
)  # fmt: skip
_SUMS = ("billed_cost", "source_cost", "difference")


class ReconciliationRequest(BaseModel):
    """The query string of a request for a reconciliation: the billing periods that begin from a month to a month."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_date: Annotated[date, Field(alias="from", ge=EARLIEST, le=LATEST), AS_DAY]
    last_date: Annotated[date, Field(alias="to", ge=EARLIEST, le=LATEST), AS_DAY]

    @model_validator(mode="after")
    def _check_days(self) -> ReconciliationRequest:
        if self.last_date < self.first_date:
            raise wrong("to", "must not be before `from`")
        if (self.last_date - self.first_date).days >= _MAX_DAYS:
            raise wrong("to", f"must be at most {_MAX_DAYS} days after `from`")
        return self

    @property
    def first_period(self) -> date:
        """The first day of the first billing period."""
        return self.first_date.replace(day=1)


def check_lines(lines: Sequence[Any]) -> None:
    """Raise InvalidInput if there are more lines than one answer may have."""
    if len(lines) > MAX_LINES:
        raise InvalidInput.of_field("from", f"makes an answer of more than {MAX_LINES} lines; ask for fewer months")


def reconciled_blocks(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One block for each billing currency. `lines` come by currency; their amounts are decimals and stay exact."""
    return [_block(currency, list(found)) for currency, found in groupby(lines, lambda line: line["billing_currency"])]


def reconciliation_table(blocks: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """The columns and the rows of a CSV file: one row for each line of the blocks."""
    rows = [[block["billing_currency"], *(line[name] for name in _LINE)] for block in blocks for line in block["lines"]]
    return ["billing_currency", *_LINE], rows


def _block(currency: str | None, found: list[Mapping[str, Any]]) -> dict[str, Any]:
    lines = [{**line, "difference": EXACT.subtract(line["billed_cost"], line["source_cost"])} for line in found]
    totals = {name: reduce(EXACT.add, (line[name] for line in lines)) for name in _SUMS}
    return {
        "billing_currency": currency,
        **totals,
        "lines": [{name: line[name] for name in _LINE} for line in lines],
    }
