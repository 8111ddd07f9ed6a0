"""Converts the rows of a delivery to a provider's table: names, types, and the values that every row gets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, ClassVar, Protocol

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.configuration.tables import get_table
from shared.connectors.arrow_types import arrow_schema, conform, first_refused, nulls
from shared.connectors.json_texts import objects_of
from shared.errors import StepRefused

pc: Any = _partly_typed
_VALUE_LENGTH = 200
# What Arrow raises for a type that has no text or number, and for a value that Python cannot hold.
_UNFIT = (pa.ArrowException, ValueError, OverflowError, NotImplementedError)


class PlacedColumns(Protocol):
    """The places of a file's columns in the table."""

    @property
    def own(self) -> Mapping[str, str]:
        """The table's column for each column of the file that has one."""

    @property
    def others(self) -> Collection[str]:
        """The columns of the file that the table does not have."""


def known_columns(table: str) -> Collection[str]:
    """The columns of a table in the tenant's dataset."""
    return [column.name for column in get_table("tenant_dataset", table).columns]


@dataclass(frozen=True)
class RowShape(ABC):
    """The values that every row of one delivery gets besides the file's own columns."""

    table: ClassVar[str]

    columns: PlacedColumns
    source: str
    period: date
    manifest: str
    pipeline_logging_id: str
    read_at: datetime

    @abstractmethod
    def usage_date(self, found: Mapping[str, Any]) -> Any:
        """The usage day of each row, from the converted columns."""

    def plain(self, array: Any) -> Any:
        """A column of the file as text or numbers. An empty text becomes NULL."""
        if pa.types.is_dictionary(array.type):
            array = pc.cast(array, array.type.value_type)
        if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            return pc.if_else(pc.equal(array, ""), None, pc.cast(array, pa.string()))
        return array

    def readable(self, array: Any, field: Any) -> Any:
        """The column with the provider's spellings replaced by those that a cast to the field's type understands."""
        del field
        return array

    def provider_columns(self, given: Mapping[str, Any], length: int) -> dict[str, Any]:
        """Columns that only this provider's table has, from the file's columns by name."""
        del given, length
        return {}

    def shaped(self, batch: pa.RecordBatch, file: str) -> pa.RecordBatch:
        """The batch with the table's columns. A value that does not fit raises StepRefused, which names it."""
        length, wanted = batch.num_rows, self._schema
        given: dict[str, Any] = {}
        others = frozenset(self.columns.others)
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if array.null_count == length:  # most columns of most batches
                given[name] = nulls(length, pa.string())
                continue
            with _refused(f"{file}: column {name[:_VALUE_LENGTH]}"):
                plain = self.plain(array)
                given[name] = pc.cast(plain, pa.string()) if name in others else plain
        arrays = {column: given[name] for name, column in self.columns.own.items()}
        with _refused(file):
            arrays |= self.provider_columns(given, length)
        arrays["x_other_columns"] = objects_of({name: given[name] for name in self.columns.others}, length)
        arrays |= self._delivery_columns(length)
        found = {
            field.name: self._conformed(arrays[field.name], field, file)
            if field.name in arrays
            else nulls(length, field.type)
            for field in wanted
        }
        found["x_usage_date"] = self.usage_date(found)
        return pa.RecordBatch.from_arrays([found[field.name] for field in wanted], schema=wanted)

    @cached_property
    def _schema(self) -> pa.Schema:
        return arrow_schema(get_table("tenant_dataset", self.table).columns)

    def _delivery_columns(self, length: int) -> dict[str, Any]:
        moment = pa.scalar(self.read_at, pa.timestamp("us", tz="UTC"))
        return {
            "x_billing_period": pa.repeat(pa.scalar(self.period, pa.date32()), length),
            "x_manifest": pa.repeat(self.manifest, length),
            "x_source": pa.repeat(self.source, length),
            "x_pipeline_logging_id": pa.repeat(self.pipeline_logging_id, length),
            "x_ingested_at": pa.repeat(moment, length),
        }

    def _conformed(self, given: Any, field: Any, file: str) -> Any:
        if given.null_count == len(given):
            return nulls(len(given), field.type)
        with _refused(f"{file}: column {field.name}"):
            array = self.readable(given, field)
            try:
                return conform(array, field.type, field.name)
            except StepRefused as error:
                value = given[first_refused(array, field.type)].as_py()
                raise StepRefused(f"{file}: {error.message}; a row has {str(value)[:_VALUE_LENGTH]}") from error


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Refuse what Arrow or Python cannot convert, for good: the file stays as it is."""
    try:
        yield
    except _UNFIT as error:
        raise StepRefused(f"{what} cannot be read: {' '.join(str(error).split())[:_VALUE_LENGTH]}") from error
