"""Reads the cost export that Azure delivers into a container."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import pyarrow as pa

from shared.connectors.azure.columns import place_columns
from shared.connectors.azure.deliveries import find_deliveries
from shared.connectors.azure.manifests import parse_manifest
from shared.connectors.azure.rows import TABLE, AzureRows, count_billed
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.objects.billing_files import BillingFiles
from shared.connectors.objects.deliveries import Delivery, Manifest
from shared.connectors.objects.rows import RowShape, known_columns
from shared.domain.object_stores import StoredObject


@dataclass(frozen=True)
class AzureBillingFiles(BillingFiles):
    """Reads the exports of actual costs that Cost Management writes."""

    table: ClassVar[str] = TABLE

    def find(self, objects: Iterable[StoredObject]) -> dict[date, Delivery]:
        """The deliveries by billing period, in the layouts of Azure."""
        return find_deliveries(objects, place=self.store.place)

    def parse(self, document: bytes, delivery: Delivery) -> Manifest:
        """The manifest of an export, which has the number of its rows."""
        return parse_manifest(document, delivery, prefix=self.store.prefix)

    def shape(self, names: Sequence[str], delivery: Delivery, file: str) -> tuple[RowShape, Collection[str]]:
        """The shape of rows for azure_cost_billing, and the unknown columns."""
        columns = place_columns(names, known_columns(TABLE), file=file)
        shape = AzureRows(columns, self.source, delivery.period, delivery.name, self.pipeline_logging_id, self.read_at)
        return shape, columns.others

    def count_billed(self, batch: pa.RecordBatch, totals: BilledTotals) -> None:
        """Add the rows' costs to the totals. Usage that a commitment covers costs nothing: its purchase is billed."""
        count_billed(batch, totals)

    def is_unchanged(self, delivery: Delivery) -> bool:
        """A file without a manifest has the whole period: a newer one beside it is for the next run."""
        expected = delivery.manifest or delivery.files[0]
        found = self.store.find(expected.key)
        return found is not None and found.etag == expected.etag
