"""Query results on disk. Each is an Arrow IPC file, which is memory-mapped and read in pages as an anonymous table."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from devcloud.bigquery.model import Json, TableRef, not_found

# BigQuery keeps anonymous results for about a day.
KEPT_SECONDS = 24 * 3600
PAGE_BYTES = 10_000_000
_BATCH_ROWS = 8_192
_SCHEMA_KEY = b"bigquery.schema"
_DATASET = "_anonymous_results"


@dataclass(frozen=True)
class Result:
    """A stored result; the rows are mapped from the file, not read."""

    schema: list[Json]
    rows: pa.Table

    def page(self, start: int, limit: int | None) -> pa.Table:
        """Rows from `start`: at most `limit` rows, or else about as many as BigQuery has on a page."""
        remaining = max(0, self.rows.num_rows - start)
        return self.rows.slice(start, min(remaining, page_rows(self.rows) if limit is None else limit))


def page_rows(rows: pa.Table) -> int:
    """The number of rows of this width on a page."""
    width = max(1, rows.nbytes // max(1, rows.num_rows))
    return max(1, PAGE_BYTES // width)


class ResultStore:
    """The result files of all projects under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, project: str, schema: list[Json], rows: pa.Table) -> TableRef:
        """Store a result and return the anonymous table from which it can be read."""
        ref = TableRef(project, _DATASET, f"anon{uuid.uuid4().hex}")
        stored = rows.replace_schema_metadata({_SCHEMA_KEY: json.dumps(schema).encode()})
        path = self._path(ref)
        path.parent.mkdir(exist_ok=True)
        with pa.ipc.new_file(str(path), stored.schema) as writer:
            writer.write_table(stored, max_chunksize=_BATCH_ROWS)
        return ref

    def find(self, ref: TableRef) -> Result | None:
        """The result behind an anonymous table, or None when `ref` names none."""
        path = self._path(ref)
        if ref.dataset != _DATASET or not ref.table.isalnum() or not path.exists():
            return None
        rows = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        return Result(json.loads((rows.schema.metadata or {})[_SCHEMA_KEY]), rows)

    def get(self, ref: TableRef) -> Result:
        """The result behind an anonymous table; raises notFound."""
        result = self.find(ref)
        if result is None:
            raise not_found(f"Table {ref}")
        return result

    def remove_expired(self) -> None:
        """Delete results that BigQuery would no longer keep. It is called once, at the start."""
        oldest = time.time() - KEPT_SECONDS
        for path in self._folder.glob("*/anon*.arrow"):
            if path.stat().st_mtime < oldest:
                path.unlink()

    def _path(self, ref: TableRef) -> Path:
        return self._folder / ref.project / f"{ref.table}.arrow"


def is_anonymous(ref: TableRef) -> bool:
    """Whether `ref` can only be a stored result."""
    return ref.dataset == _DATASET


def table_resource(ref: TableRef, result: Result) -> Json:
    """The REST Table resource of an anonymous result."""
    return {
        "kind": "bigquery#table",
        "id": str(ref),
        "tableReference": ref.to_api(),
        "type": "TABLE",
        "schema": {"fields": result.schema},
        "numRows": str(result.rows.num_rows),
        "numBytes": str(result.rows.nbytes),
    }
