"""The bodies that execute_run accepts as deliveries."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.requests.parsing import validated
from shared.domain.runs.delivery import RunTask
from shared.errors import InvalidInput

HOP: dict[str, Any] = {
    "run_id": "run",
    "tenant_id": "acme_corp",
    "pipeline_logging_id": "run",
    "lease_id": "lease",
    "attempt": 1,
    "hop": 0,
    "closing": None,
}
CLOSING = {"status": "CANCELLED", "error_class": "CANCELLED", "error_message": "on request"}


def test_a_leased_hop_and_a_closing_are_deliveries() -> None:
    assert validated(RunTask, HOP).hop == 0
    closing = validated(RunTask, HOP | {"lease_id": None, "closing": CLOSING}).closing
    assert closing is not None
    assert closing.status == "CANCELLED"
    assert validated(RunTask, HOP | {"closing": CLOSING}).closing == closing


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hop": False}, "hop"),
        ({"hop": "1"}, "hop"),
        ({"attempt": -1}, "attempt"),
        ({"attempt": 2**63}, "attempt"),
        ({"lease_id": None}, "body"),
        ({"lease_id": "it's"}, "lease_id"),
        ({"lease_id": "a" * 5_000}, "lease_id"),
        ({"run_id": ""}, "run_id"),
        ({"pipeline_logging_id": "a b"}, "pipeline_logging_id"),
        ({"pipeline_id": "gcp/cost"}, "pipeline_id"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_anything_else_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        validated(RunTask, HOP | changes)
    assert [item["field"] for item in refused.value.facts["errors"]] == [field]
