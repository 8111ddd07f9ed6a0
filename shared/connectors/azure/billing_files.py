"""Reads the cost export that Azure delivers into a container."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

import pyarrow as pa

from shared.connectors.azure.columns import place_columns
from shared.connectors.azure.deliveries import find_deliveries
from shared.connectors.azure.manifests import ACTUAL, AMORTIZED, kind_of, parse_manifest
from shared.connectors.azure.rows import TABLE, AzureRows, count_billed
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.objects.billing_files import BillingFiles
from shared.connectors.objects.deliveries import Delivery, Manifest, read_document
from shared.connectors.objects.rows import RowShape, known_columns
from shared.domain.object_stores import StoredObject


@dataclass(frozen=True)
class AzureBillingFiles(BillingFiles):
    """Reads Cost Management's exports of actual costs, alone or with the amortised costs of the same charges.

    `exports`: the kind of export in each folder, if there are two below the prefix. `kinds`: the kind of each delivery,
    by its name. `amortized`: the accounts and periods with amortised costs, which are read before the actual costs.
    """

    table: ClassVar[str] = TABLE

    exports: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    amortized: set[str] = field(default_factory=set)

    def find(self, objects: Iterable[StoredObject]) -> dict[date, Delivery]:
        """The deliveries by billing period, in the layouts of Azure."""
        return find_deliveries(objects, place=self.store.place, kind_of=self._kind_of)

    def parse(self, document: bytes, delivery: Delivery) -> Manifest:
        """The manifest of an export, which has the number of its rows and says which costs they are."""
        expected = self.exports.get(delivery.export)
        kinds = [expected] if expected else [ACTUAL, AMORTIZED]
        manifest = parse_manifest(document, delivery, prefix=self.store.prefix, kinds=kinds)
        if manifest.kind:
            self.kinds[delivery.name] = manifest.kind
        return manifest

    def shape(self, names: Sequence[str], delivery: Delivery, file: str) -> tuple[RowShape, Collection[str]]:
        """The shape of rows for azure_cost_billing, and the unknown columns.

        A file without a manifest is taken for actual costs; a check refuses others.
        """
        columns = place_columns(names, known_columns(TABLE), file=file)
        facts = self.source, delivery.period, delivery.name, self.pipeline_logging_id, self.read_at
        kind = "AMORTIZED" if self.kinds.get(delivery.name) == AMORTIZED else "ACTUAL"
        return AzureRows(columns, *facts, kind), columns.others

    def count_billed(self, batch: pa.RecordBatch, totals: BilledTotals) -> None:
        """Add the rows' costs to the totals, each cost of the two exports once.

        Usage that a commitment covers costs nothing: its purchase is billed.
        """
        count_billed(batch, totals, self.amortized)

    def _kind_of(self, delivery: Delivery) -> str | None:
        if delivery.manifest is None:
            return None
        kind = kind_of(read_document(self._document(delivery.manifest), delivery.name))
        if kind:
            self.exports[delivery.export] = kind
        return kind

    def is_unchanged(self, delivery: Delivery) -> bool:
        """A file without a manifest has the whole period: a newer one beside it is for the next run."""
        expected = delivery.manifest or delivery.files[0]
        found = self.store.find(expected.key)
        return found is not None and found.etag == expected.etag
