"""The plain way to load an export: rows as Python dicts, appended to the tenant's table.

It reads one JSON line: the client's environment, the source table, the target table and the number of rows. It prints
rows, seconds of wall time and CPU, and peak memory in MiB, as `contenders` does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import islice
from typing import Any

from benchmarks.parts.contenders import took_since

_APPENDED_ROWS = 500  # Google's advice for one insertAll


def main() -> None:
    """Read the rows, turn each into JSON, append them."""
    options = json.loads(sys.stdin.readline())
    os.environ.update(options["env"])
    started = time.monotonic()
    from google.cloud import bigquery

    reader = bigquery.Client.from_service_account_info(  # type: ignore[no-untyped-call] # the client has no annotation
        options["key"], project=options["project"], client_options={"api_endpoint": options["env"]["BIGQUERY_ENDPOINT"]}
    )
    writer = bigquery.Client(
        project=options["env"]["PROJECT_ID"], client_options={"api_endpoint": options["env"]["BIGQUERY_ENDPOINT"]}
    )
    target = writer.get_table(options["target"])
    rows = iter(reader.list_rows(options["source"], max_results=options["rows"], page_size=5_000))
    appended = 0
    while batch := [_as_json(dict(row.items())) for row in islice(rows, _APPENDED_ROWS)]:
        if problems := writer.insert_rows_json(target, batch):
            raise SystemExit(str(problems[0]))
        appended += len(batch)
    print(json.dumps({"rows": appended} | took_since(started)))


def _as_json(row: dict[str, Any]) -> Any:
    return json.loads(json.dumps(row, default=str))


if __name__ == "__main__":
    main()
