"""Reads the billing export that AWS delivers into a bucket: whole billing periods, each from a single delivery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

import pyarrow as pa

from shared.connectors.aws.columns import place_columns
from shared.connectors.aws.deliveries import Delivery, find_deliveries, periods_told
from shared.connectors.aws.manifests import parse_manifest
from shared.connectors.aws.rows import RowShape, known_columns
from shared.connectors.objects.decoding import decoded
from shared.connectors.objects.object_file import ObjectFile
from shared.domain.object_stores import ObjectStore, StoredObject
from shared.domain.templates.grain import days_between, whole_days
from shared.errors import SourceNotFound, SourceRewritten, StepRefused
from shared.runtime import log

# A file that is younger than its manifest belongs to the next delivery, unless no new manifest comes within this time.
_DELIVERED_WITHIN = timedelta(hours=2)
_LARGEST_MANIFEST = 16 * 1024 * 1024


@dataclass(frozen=True)
class AwsBillingFiles:
    """The export below one prefix. `read_at` is the UTC time at which the run reads it."""

    store: ObjectStore
    source: str
    pipeline_logging_id: str
    read_at: datetime
    unknown_columns: set[str] = field(default_factory=set)

    @cached_property
    def _objects(self) -> Mapping[str, StoredObject]:
        return {found.key: found for found in self.store.list()}

    @cached_property
    def deliveries(self) -> Mapping[date, Delivery]:
        """The deliveries that are in the bucket now, by billing period."""
        return find_deliveries(self._objects.values(), place=self.store.place)

    def between(self, first: date, last: date) -> list[Delivery]:
        """The deliveries of the months of these days. It raises SourceNotFound if one is missing."""
        wanted = whole_days(days_between(first, last), "billing_period")
        if missing := [f"{period:%Y-%m}" for period in wanted if period not in self.deliveries]:
            there = periods_told(list(self.deliveries))
            raise SourceNotFound(f"{self.store.place} has nothing of {', '.join(missing)}; it has {there}")
        return [self.deliveries[period] for period in wanted]

    def changed(self, published: Mapping[str, str]) -> list[Delivery]:
        """The deliveries that differ from the published ones. A run does not read the others."""
        return [found for period, found in self.deliveries.items() if published.get(str(period)) != found.digest]

    def batches(self, deliveries: Sequence[Delivery]) -> Iterator[pa.RecordBatch]:
        """All rows of these deliveries, shaped as aws_cost_billing.

        It raises SourceRewritten if a file was replaced before its last byte was read, so that all rows are of the
        listed versions.
        """
        for delivery in deliveries:
            files = self._files(delivery)
            log.info("billing period read", period=str(delivery.period), files=len(files), manifest=delivery.name)
            for file in files:
                yield from self._rows(delivery, file)
            self._check_unchanged(delivery)

    def _rows(self, delivery: Delivery, file: StoredObject) -> Iterator[pa.RecordBatch]:
        shape: RowShape | None = None
        for batch in decoded(self.store, file):
            if shape is None:
                columns = place_columns(batch.schema.names, known_columns(), file=file.key)
                self.unknown_columns.update(columns.others)
                shape = RowShape(
                    columns, self.source, delivery.period, delivery.name, self.pipeline_logging_id, self.read_at
                )
            yield shape.shaped(batch, file.key)

    def _files(self, delivery: Delivery) -> Sequence[StoredObject]:
        if delivery.manifest is None:
            return delivery.files
        manifest = parse_manifest(
            self._document(delivery.manifest), delivery, bucket=self.store.bucket, prefix=self.store.prefix
        )
        return [self._file(delivery.manifest, key) for key in manifest.keys]

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

    def _check_unchanged(self, delivery: Delivery) -> None:
        """Raise SourceRewritten if the manifest has changed, or, without a manifest, the list of the folder."""
        if delivery.manifest:
            found = self.store.find(delivery.manifest.key)
            is_same = found is not None and found.etag == delivery.manifest.etag
        else:
            below = delivery.name.removeprefix(self.store.prefix)
            now = {(item.key, item.etag) for item in self.store.list(below)}
            is_same = {(item.key, item.etag) for item in delivery.files} <= now and len(now) == len(delivery.files)
        if not is_same:
            raise SourceRewritten(f"{delivery.name} was delivered anew while it was read")
