"""Reads a billing export from an object store: whole billing periods, each from a single delivery."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import ClassVar

import pyarrow as pa

from shared.connectors.daily_totals import BilledTotals
from shared.connectors.objects.decoding import column_names, decoded, format_of
from shared.connectors.objects.deliveries import Delivery, Manifest, listed_periods
from shared.connectors.objects.object_file import ObjectFile
from shared.connectors.objects.rows import RowShape
from shared.domain.object_stores import ObjectStore, StoredObject
from shared.domain.templates.grain import days_between, whole_days
from shared.errors import SourceNotFound, SourceRewritten, StepRefused
from shared.runtime import log

# A file that is younger than its manifest belongs to the next delivery, unless no new manifest comes within this time.
_DELIVERED_WITHIN = timedelta(hours=2)
_LARGEST_MANIFEST = 4 * 1024 * 1024
_MAX_UNKNOWN = 10_000  # as many as a table of BigQuery may have in all


@dataclass(frozen=True)
class Seen:
    """What a look at an export finds: its newest delivery, the kind and format of its files, and unknown columns."""

    newest: Delivery
    format: str
    unknown_columns: Sequence[str]


@dataclass(frozen=True)
class BillingFiles(ABC):
    """The export below one prefix, in a provider's layout. `read_at` is the UTC time at which the run reads it."""

    table: ClassVar[str]  # whose columns the rows get

    store: ObjectStore
    source: str
    pipeline_logging_id: str
    read_at: datetime
    unknown_columns: set[str] = field(default_factory=set)

    @abstractmethod
    def find(self, objects: Iterable[StoredObject]) -> dict[date, Delivery]:
        """The deliveries by billing period. It raises SourceNotFound if the files of a period are not certain."""

    @abstractmethod
    def parse(self, document: bytes, delivery: Delivery) -> Manifest:
        """The content of a manifest. It raises StepRefused if it cannot belong to this delivery."""

    @abstractmethod
    def shape(self, names: Sequence[str], delivery: Delivery, file: str) -> tuple[RowShape, Collection[str]]:
        """The shape of rows with these columns, and the unknown columns."""

    @abstractmethod
    def count_billed(self, batch: pa.RecordBatch, totals: BilledTotals) -> None:
        """Add the costs of shaped rows to the totals of their billing periods."""

    @cached_property
    def _objects(self) -> Mapping[str, StoredObject]:
        return {found.key: found for found in self.store.list()}

    @cached_property
    def deliveries(self) -> Mapping[date, Delivery]:
        """The deliveries that are there now, by billing period."""
        return self.find(self._objects.values())

    def between(self, first: date, last: date) -> list[Delivery]:
        """The deliveries of the months of these days. It raises SourceNotFound if one is missing."""
        wanted = whole_days(days_between(first, last), "billing_period")
        if missing := [f"{period:%Y-%m}" for period in wanted if period not in self.deliveries]:
            there = listed_periods(list(self.deliveries))
            raise SourceNotFound(f"{self.store.place} has nothing of {', '.join(missing)}; it has {there}")
        return [self.deliveries[period] for period in wanted]

    def changed(self, published: Mapping[str, str]) -> list[Delivery]:
        """The deliveries that differ from the published ones. A run does not read the others."""
        return [found for period, found in self.deliveries.items() if published.get(str(period)) != found.digest]

    def look(self) -> Seen:
        """Read the newest delivery's manifest and the column names of its first file.

        It raises SourceNotFound or StepRefused for what a run would refuse: no delivery, a file that is missing or
        damaged, columns that a cost needs.
        """
        newest = max(self.deliveries.values(), key=lambda found: (found.delivered_at, found.period))
        files, _ = self._files(newest)
        if not files:
            return Seen(newest, newest.kind, [])
        names = column_names(self.store, files[0])
        unknown = self.shape(names, newest, files[0].key)[1] if names else []
        return Seen(newest, f"{newest.kind}, {format_of(files[0])}", sorted(unknown))

    def batches(self, deliveries: Sequence[Delivery]) -> Iterator[pa.RecordBatch]:
        """All rows of these deliveries, shaped as the table.

        It raises SourceRewritten if a file was replaced before its last byte was read, so that all rows are of the
        listed versions, and StepRefused if the manifest counts other rows.
        """
        for delivery in deliveries:
            for part in delivery.parts:
                yield from self._batches_of(part)
            for part in delivery.parts:
                if not self.is_unchanged(part):
                    raise SourceRewritten(f"{part.name} was delivered anew while it was read")

    def _batches_of(self, delivery: Delivery) -> Iterator[pa.RecordBatch]:
        files, stated_rows = self._files(delivery)
        log.info("billing period read", period=str(delivery.period), files=len(files), manifest=delivery.name)
        rows = 0
        for file in files:
            for batch in self._rows(delivery, file):
                rows += batch.num_rows
                yield batch
        if stated_rows is not None and rows != stated_rows:
            raise StepRefused(f"{delivery.name} is of {stated_rows} rows, and its files have {rows}")

    def _rows(self, delivery: Delivery, file: StoredObject) -> Iterator[pa.RecordBatch]:
        shape: RowShape | None = None
        for batch in decoded(self.store, file):
            if shape is None:
                shape, unknown = self.shape(batch.schema.names, delivery, file.key)
                self.unknown_columns.update(islice(unknown, _MAX_UNKNOWN + 1))
                if len(self.unknown_columns) > _MAX_UNKNOWN:
                    raise StepRefused(f"{delivery.name}: its files have more than {_MAX_UNKNOWN} unknown columns")
            yield shape.shaped(batch, file.key)

    def _files(self, delivery: Delivery) -> tuple[Sequence[StoredObject], int | None]:
        """The files, and how many rows they are said to have."""
        if delivery.manifest is None:
            return delivery.files, None
        manifest = self.parse(self._document(delivery.manifest), delivery)
        return [self._file(delivery.manifest, key) for key in manifest.keys], manifest.rows

    def _document(self, manifest: StoredObject) -> bytes:
        if manifest.size > _LARGEST_MANIFEST:
            raise StepRefused(f"{manifest.key} has {manifest.size} bytes, too many for a manifest")
        with closing(ObjectFile(self.store, manifest)) as file:
            return file.read()

    def _file(self, manifest: StoredObject, key: str) -> StoredObject:
        found = self._objects.get(key)
        if found is None:
            raise SourceRewritten(f"{manifest.key} names {key}, which is not there")
        is_recent = self.read_at - found.modified_at < _DELIVERED_WITHIN
        if is_recent and found.modified_at > manifest.modified_at:
            raise SourceRewritten(f"{key} is newer than its manifest: a delivery is under way")
        return found

    def is_unchanged(self, delivery: Delivery) -> bool:
        """Whether the delivery is still the one that was listed. Of a set without a manifest its folder is listed."""
        if delivery.manifest:
            found = self.store.find(delivery.manifest.key)
            return found is not None and found.etag == delivery.manifest.etag
        below = delivery.name.removeprefix(self.store.prefix)
        now = {(item.key, item.etag) for item in self.store.list(below)}
        return {(item.key, item.etag) for item in delivery.files} <= now and len(now) == len(delivery.files)
