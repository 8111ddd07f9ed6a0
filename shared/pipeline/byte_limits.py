"""Compares the bytes that statements would bill with the rest of the limit, before they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.adapters.bigquery.sql import Statement
from shared.errors import BytesLimitExceeded
from shared.pipeline.context import HopContext


def require_within(
    hop: HopContext,
    place: str,
    limit: int | None,
    statements: Sequence[Statement],
    values: Mapping[str, Any],
    *,
    besides: int = 0,
) -> None:
    """Check by dry runs that the statements together bill at most the limit; BytesLimitExceeded names the place.

    Each statement is estimated on its own, because a dry run cannot always estimate a script. The bytes in `besides`
    are added to the sum.
    """
    if limit is None:
        return
    dataset, estimate = hop.task.tenant_id, hop.services.warehouse.estimate
    asked = [(item, {name: values[name] for name in item.parameters}) for item in statements]
    billed = sum(estimate(item, given, dataset=dataset).bytes_billed for item, given in asked)
    refuse_beyond(place, limit, billed + besides)


def refuse_beyond(place: str, limit: int | None, bytes_billed: int) -> None:
    """Check that the estimate is within the limit, if there is one. BytesLimitExceeded names the place."""
    if limit is not None and bytes_billed > limit:
        raise BytesLimitExceeded(f"{place}: would bill {bytes_billed} bytes, but max_bytes_billed leaves {limit}")
