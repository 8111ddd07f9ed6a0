"""The simple program that a user would write: dlt loads a Parquet file into DuckDB, and plain SQL maps it to FOCUS.

`python focus_contender.py FILE FOLDER` runs in its own environment (requirements/bench.txt). Of the project it imports
only contenders.py. It prints JSON: rows, and seconds and CPU of the load and of the mapping.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from contenders import took_since, with_dlt  # type: ignore[import-not-found] # a script's neighbour


def main(file: Path, folder: Path) -> None:
    """Load, map, count."""
    import duckdb

    started = time.monotonic()
    with_dlt(file, folder, as_dicts=False)
    loaded = took_since(started)
    mapping = Path(__file__).with_name("focus_contender.sql").read_text(encoding="utf-8")
    with duckdb.connect(str(folder / "dlt.duckdb")) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(mapping)
        found: Any = database.execute("SELECT count(*), sum(BilledCost) FROM billing.focus_cost").fetchone()
    whole = took_since(started)
    print(
        json.dumps(
            {
                "rows": found[0],
                "billed": str(found[1]),
                "load_seconds": loaded["seconds"],
                "load_cpu_seconds": loaded["cpu_seconds"],
                "seconds": whole["seconds"],
                "cpu_seconds": whole["cpu_seconds"],
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
