"""Shows a tenant its costs: sums by group and period, how far they reach, how final they are, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from shared.adapters.stores.costs import Costs
from shared.domain.cost_reconciliation import ReconciliationRequest, check_lines, reconciled_blocks
from shared.domain.costs import RESTATED, CostRequest, RestatementsRequest, check_size, cost_blocks
from shared.domain.exchange_rates import converted
from shared.domain.requests.auth import TenantReader
from shared.domain.requests.paging import Place, first_page
from shared.domain.requests.parsing import validated
from shared.domain.virtual_tags import NO_TAGS, VirtualTags
from shared.errors import BytesLimitExceeded, InvalidInput
from shared.runtime.concurrency_limit import ConcurrencyLimit
from shared.runtime.ttl_cache import TtlCache, answer_cache

Request = CostRequest | RestatementsRequest | ReconciliationRequest
Answers = TtlCache[tuple[str, Request], dict[str, Any]]


def new_answers(*, seconds: float) -> Answers:
    """An empty cache of answers. Each answer is valid for `seconds`."""
    return answer_cache(seconds=seconds, oldest_seconds=seconds)


def cost_limit(*, max_length: int = 12, seconds: float = 30) -> ConcurrencyLimit:
    """The limit that lets two requests of a tenant be answered at once, while others wait in line.

    A limit of queries is not enough: how much a request reads is known only afterwards, and its answer may be large.
    """
    message = "Too many requests for this tenant's costs are being answered; wait, then try again."
    return ConcurrencyLimit(message, at_once=2, max_length=max_length, seconds=seconds, retry_after=5, cap="costs")


@dataclass(frozen=True)
class TenantCosts:
    """Answers requests for costs."""

    costs: Costs
    answers: Answers
    limit: ConcurrencyLimit = field(default_factory=cost_limit)

    def show(self, caller: TenantReader, query: Mapping[str, Any]) -> dict[str, Any]:
        """One block of sums for each billing currency. `query` has a CostRequest's fields as text.

        One job, or none while the answer to the same request is cached.
        """
        request = validated(CostRequest, query)
        return self._answered(caller, request, lambda: self._costs(caller, request))

    def show_restatements(self, caller: TenantReader, query: Mapping[str, Any]) -> dict[str, Any]:
        """A page of the published days that changed, the latest change first, with the run that changed each.

        `query` has a RestatementsRequest's fields as text. One job, or none while the answer is cached.
        """
        request = validated(RestatementsRequest, query)
        return self._answered(caller, request, lambda: self._restatements(caller, request))

    def show_reconciliation(self, caller: TenantReader, query: Mapping[str, Any]) -> dict[str, Any]:
        """One block of invoices for each billing currency: the published cost, the provider's own, the difference.

        `query` has a ReconciliationRequest's fields as text. One job, or none while the answer is cached.
        """
        request = validated(ReconciliationRequest, query)
        return self._answered(caller, request, lambda: self._reconciled(caller, request))

    def _answered(self, caller: TenantReader, request: Request, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        key = (caller.tenant_id, request)
        if kept := self.answers.find(key):
            return kept[0]
        with self.limit.slot(caller.tenant_id):
            if kept := self.answers.find(key):  # another request was the same
                return kept[0]
            caller.charge_query()
            return self.answers.keep(key, read())

    def _restatements(self, caller: TenantReader, request: RestatementsRequest) -> dict[str, Any]:
        rows, bytes_read = self.costs.list_restatements(caller.tenant_id, request)
        caller.charge_bytes(bytes_read)
        page, token = first_page(rows, request.limit, lambda row: Place(row["restated_at"], row["row_id"]))
        listed = [{name: row[name] for name in RESTATED} for row in page]
        return {"tenant_id": caller.tenant_id, "restatements": listed, "next_page_token": token}

    def _reconciled(self, caller: TenantReader, request: ReconciliationRequest) -> dict[str, Any]:
        with _small_enough("fewer months"):
            lines, bytes_read = self.costs.reconcile(caller.tenant_id, request)
        caller.charge_bytes(bytes_read)
        check_lines(lines)
        return {
            "tenant_id": caller.tenant_id,
            "from": request.first_period,
            "to": request.last_date,
            "currencies": reconciled_blocks(lines),
        }

    def _costs(self, caller: TenantReader, request: CostRequest) -> dict[str, Any]:
        tags = self._virtual_tags(caller, request)
        with _small_enough("fewer days"):
            found, bytes_read = self.costs.read(caller.tenant_id, request, tags)
        caller.charge_bytes(bytes_read)
        check_size(found)
        sums = converted(found["sums"], request.currency) if request.currency else found["sums"]
        return {
            "tenant_id": caller.tenant_id,
            "from": request.first_date,
            "to": request.last_date,
            "granularity": request.granularity,
            "group_by": request.group_by,
            "metric": request.metric,
            "currency": request.currency,
            "currencies": cost_blocks(sums, compares=request.compare is not None),
            "data_through": {row["provider"]: row["data_through"] for row in found["providers"]},
            "final_through": {row["provider"]: row["final_through"] for row in found["providers"]},
            "restated": found["restated"],
        }

    def _virtual_tags(self, caller: TenantReader, request: CostRequest) -> VirtualTags:
        if not request.virtual_tags:
            return NO_TAGS
        caller.charge_query()
        tags = self.costs.find_virtual_tags(caller.tenant_id, request)
        if missing := [name for name in request.virtual_tags if name not in tags]:
            field = "group_by" if request.group.name in missing else "filter"
            message = f"names no virtual tag of this tenant; PUT .../virtual-tags/{missing[0]} makes it"
            raise InvalidInput.of_field(field, message)
        return tags


@contextmanager
def _small_enough(less: str) -> Iterator[None]:
    """Blames the request if the block would read too many bytes."""
    try:
        yield
    except BytesLimitExceeded as error:
        raise InvalidInput.of_field("from", f"asks for too much at once; ask for {less}") from error
