"""Other ways to load an export's Parquet file into DuckDB: `python contenders.py WAY FILE FOLDER` runs one.

It runs in its own environment (requirements/bench.txt) and imports nothing of the project. It prints JSON: rows,
seconds of wall time, seconds of CPU, peak memory in MiB. WAY is `copy` (DuckDB reads the file itself), `dlt-arrow` (dlt
gets Arrow tables) or `dlt-dicts` (dlt gets Python dicts, its usual way).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ARROW_ROWS, _DICT_ROWS = 65_536, 1_000


def copy(file: Path, folder: Path) -> None:
    """Load with DuckDB's COPY, the fastest possible way."""
    import duckdb

    with duckdb.connect(str(folder / "copy.duckdb")) as database:
        database.execute("CREATE TABLE export AS SELECT * FROM read_parquet(?)", [str(file)])


def with_dlt(file: Path, folder: Path, *, as_dicts: bool) -> None:
    """A dlt pipeline that replaces one table."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt  # type: ignore[import-not-found] # lives in requirements/bench.txt
    import pyarrow as pa
    from pyarrow import parquet

    def batches() -> Iterator[Any]:
        for batch in parquet.ParquetFile(file).iter_batches(batch_size=_DICT_ROWS if as_dicts else _ARROW_ROWS):
            yield batch.to_pylist() if as_dicts else pa.Table.from_batches([batch])

    pipeline = dlt.pipeline(
        "export",
        destination=dlt.destinations.duckdb(str(folder / "dlt.duckdb")),
        dataset_name="billing",
        pipelines_dir=str(folder / "pipelines"),
    )
    pipeline.run(dlt.resource(batches, name="export"), write_disposition="replace").raise_on_failed_jobs()


def _stored_rows(folder: Path) -> int:
    import duckdb

    found = next(folder.glob("*.duckdb"))
    with duckdb.connect(str(found), read_only=True) as database:
        table = "billing.export" if found.name == "dlt.duckdb" else "export"
        row = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def took_since(started: float) -> dict[str, float]:
    """The cost of this process: wall time since `started` (monotonic clock), and its CPU and peak memory so far."""
    return {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time(), "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    """The peak memory of this process. ru_maxrss would include the parent's memory at the fork."""
    line = next(line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 1024


def main() -> None:
    """Load in the given way. The clock starts before the libraries are imported, as in the executor's measurement."""
    way, file, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    started = time.monotonic()
    if way == "copy":
        copy(file, folder)
    else:
        with_dlt(file, folder, as_dicts=way == "dlt-dicts")
    took = took_since(started)
    print(json.dumps({"rows": _stored_rows(folder)} | took))


if __name__ == "__main__":
    main()
