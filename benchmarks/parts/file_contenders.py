"""Other ways to load billing files into DuckDB: `python file_contenders.py WAY FOLDER FILE...` runs one.

It runs in its own environment (requirements/bench.txt). Of the project it imports only contenders.py. It prints JSON:
rows, seconds of wall time, seconds of CPU, peak memory in MiB. WAY is `duckdb` (its own read_csv or read_parquet into a
table) or `dlt` (its filesystem source, whose readers hand on Arrow tables; its usual way with Python dicts is many
times slower). The format is the one of the files' names.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from contenders import took_since  # type: ignore[import-not-found] # a script's neighbour

_TABLE = "report"
_ROWS = 65_536


def with_duckdb(files: Sequence[str], folder: Path) -> None:
    """Load with DuckDB alone, the fastest possible way."""
    import duckdb

    reader = "read_parquet" if files[0].endswith(".parquet") else "read_csv"
    with duckdb.connect(str(folder / "own.duckdb")) as database:
        database.execute(f"CREATE SCHEMA billing; CREATE TABLE billing.{_TABLE} AS SELECT * FROM {reader}(?)", [files])


def with_dlt(files: Sequence[str], folder: Path) -> None:
    """A dlt pipeline that replaces one table."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt  # type: ignore[import-not-found] # lives in requirements/bench.txt
    from dlt.sources.filesystem import filesystem, read_csv_duckdb, read_parquet  # type: ignore[import-not-found] # too

    found = filesystem(bucket_url=Path(files[0]).parent.as_uri(), file_glob="*")
    if files[0].endswith(".parquet"):
        reader = read_parquet(chunksize=_ROWS, use_pyarrow=True)
    else:
        reader = read_csv_duckdb(chunk_size=_ROWS, use_pyarrow=True)
    pipeline = dlt.pipeline(
        "report",
        destination=dlt.destinations.duckdb(str(folder / "dlt.duckdb")),
        dataset_name="billing",
        pipelines_dir=str(folder / "pipelines"),
    )
    pipeline.run((found | reader).with_name(_TABLE), write_disposition="replace").raise_on_failed_jobs()


def _stored_rows(folder: Path) -> int:
    import duckdb

    with duckdb.connect(str(next(folder.glob("*.duckdb"))), read_only=True) as database:
        row = database.execute(f"SELECT count(*) FROM billing.{_TABLE}").fetchone()
    return int(row[0]) if row else 0


def main(way: str, folder: Path, files: Sequence[str]) -> None:
    """Load in the given way. The clock starts before the libraries are imported, as in the executor's measurement."""
    started = time.monotonic()
    (with_duckdb if way == "duckdb" else with_dlt)(files, folder)
    took = took_since(started)
    print(json.dumps({"rows": _stored_rows(folder)} | took))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
