"""Reads the billing export that AWS delivers into a bucket."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import pyarrow as pa

from shared.connectors.aws.columns import place_columns
from shared.connectors.aws.deliveries import find_deliveries
from shared.connectors.aws.manifests import parse_manifest
from shared.connectors.aws.rows import TABLE, AwsRows, count_billed
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.objects.billing_files import BillingFiles
from shared.connectors.objects.deliveries import Delivery, Manifest
from shared.connectors.objects.rows import RowShape, known_columns
from shared.domain.object_stores import StoredObject


@dataclass(frozen=True)
class AwsBillingFiles(BillingFiles):
    """Reads Cost and Usage Reports: those of Data Exports, and legacy ones."""

    table: ClassVar[str] = TABLE

    def find(self, objects: Iterable[StoredObject]) -> dict[date, Delivery]:
        """The deliveries by billing period, in the layouts of AWS."""
        return find_deliveries(objects, place=self.store.place)

    def parse(self, document: bytes, delivery: Delivery) -> Manifest:
        """The manifest of a Data Export or of a legacy report."""
        return parse_manifest(document, delivery, bucket=self.store.bucket, prefix=self.store.prefix)

    def shape(self, names: Sequence[str], delivery: Delivery, file: str) -> tuple[RowShape, Collection[str]]:
        """The shape of rows for aws_cost_billing, and the unknown columns."""
        columns = place_columns(names, known_columns(TABLE), file=file)
        shape = AwsRows(columns, self.source, delivery.period, delivery.name, self.pipeline_logging_id, self.read_at)
        return shape, columns.others

    def count_billed(self, batch: pa.RecordBatch, totals: BilledTotals) -> None:
        """Add the rows' costs to the totals. Usage that a commitment covers costs nothing: its fees are billed."""
        count_billed(batch, totals)
