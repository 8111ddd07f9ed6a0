"""The store of run events. Events are appended by streaming and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.adapters.bigquery.warehouse import Warehouse
from shared.domain.runs.events import RunEvent


@dataclass(frozen=True)
class RunEvents:
    """Appends to pipeline_run_events."""

    warehouse: Warehouse

    def append(self, events: Sequence[RunEvent]) -> None:
        """Stream the events. It is safe to repeat. It raises Unavailable if BigQuery does not answer."""
        if events:
            rows = [event.to_row() for event in events]
            self.warehouse.stream("pipeline_run_events", rows, row_ids=[event.event_id for event in events])
