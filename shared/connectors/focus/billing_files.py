"""Reads FOCUS files: of AWS's and Azure's exports, or of anybody."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

import pyarrow as pa

from shared.connectors.aws.billing_files import AwsBillingFiles
from shared.connectors.azure.billing_files import AzureBillingFiles
from shared.connectors.azure.manifests import parse_manifest
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.focus.columns import place_columns
from shared.connectors.focus.deliveries import find_deliveries
from shared.connectors.focus.rows import TABLE, FocusRows, count_billed
from shared.connectors.objects.billing_files import BillingFiles
from shared.connectors.objects.deliveries import Delivery, Manifest
from shared.connectors.objects.rows import RowShape, known_columns
from shared.domain.object_stores import StoredObject
from shared.errors import SourceNotFound


@dataclass(frozen=True)
class _FocusColumns(BillingFiles):
    """Reads files with FOCUS's columns. `versions`: the version in each delivery's manifest, by the delivery's name."""

    table: ClassVar[str] = TABLE

    versions: dict[str, str] = field(default_factory=dict)

    def shape(self, names: Sequence[str], delivery: Delivery, file: str) -> tuple[RowShape, Collection[str]]:
        """The shape of rows for focus_cost_file, and the unknown columns. Columns that begin with x_ count as known."""
        columns = place_columns(names, known_columns(TABLE), file=file)
        manifest = self.origin_of(delivery, file)
        origin = self.source, delivery.period, manifest, self.pipeline_logging_id, self.read_at
        shape = FocusRows(columns, *origin, self.versions.get(delivery.name))
        return shape, [name for name in columns.others if not name.lower().startswith("x_")]

    def origin_of(self, delivery: Delivery, file: str) -> str:
        """The object that a row says it is from: the delivery's manifest, or its folder."""
        del file
        return delivery.name

    def count_billed(self, batch: pa.RecordBatch, totals: BilledTotals) -> None:
        """Add the rows' billed costs to the totals of their billing periods."""
        count_billed(batch, totals)


@dataclass(frozen=True)
class AwsFocusFiles(_FocusColumns, AwsBillingFiles):
    """Reads the FOCUS exports of AWS's Data Exports."""

    table: ClassVar[str] = TABLE


@dataclass(frozen=True)
class AzureFocusFiles(_FocusColumns, AzureBillingFiles):
    """Reads the FOCUS exports of Azure's Cost Management."""

    table: ClassVar[str] = TABLE

    def parse(self, document: bytes, delivery: Delivery) -> Manifest:
        """The manifest, which may also name the version of FOCUS."""
        manifest = parse_manifest(document, delivery, prefix=self.store.prefix, kinds=("FocusCost",))
        if manifest.version:
            self.versions[delivery.name] = manifest.version
        return manifest


@dataclass(frozen=True)
class FocusFiles(_FocusColumns):
    """Reads FOCUS files that have no manifest. Their paths name the months."""

    def find(self, objects: Iterable[StoredObject]) -> dict[date, Delivery]:
        """The deliveries by billing period: all files of a month are one delivery."""
        return find_deliveries(objects, place=self.store.place, prefix=self.store.prefix)

    def parse(self, document: bytes, delivery: Delivery) -> Manifest:
        """Never called, because there are no manifests."""
        raise NotImplementedError

    def origin_of(self, delivery: Delivery, file: str) -> str:
        """The file, because a check looks for files that are copies of others."""
        del delivery
        return file

    def is_unchanged(self, delivery: Delivery) -> bool:
        """Whether the month still has the same files in its folder.

        Only the folder is listed, because a run asks this for each of its months.
        """
        folder = delivery.files[0].key.rpartition("/")[0]
        below = f"{folder}/".removeprefix(self.store.prefix) if folder else ""
        objects = list(self.store.list(below))
        try:
            now = self.find(objects).get(delivery.period)
        except SourceNotFound:  # the files are gone, or others lie beside them; the next attempt says which
            return False
        return now is not None and now.digest == delivery.digest
