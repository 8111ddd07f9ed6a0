"""An executor that dies between its load job and the event that says so.

    python -m tests.e2e.execution.unsaid_extract TASK_JSON

It claims the run, freezes the export, stages its extract, prints STAGED, and says nothing more.
"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime

from shared import bootstrap
from shared.adapters.tasks import RunTask
from shared.pipeline.steps.extract import extract
from shared.templates import get_template
from tests.e2e.execution.paused_publish import begun_hop, planned_steps


def main() -> None:
    services = bootstrap.executor_services()
    hop = begun_hop(RunTask(**json.loads(sys.argv[1])), services, get_template("gcp", "cost", "billing"))
    claimed = {
        "event_id": uuid.uuid4().hex, "run_id": hop.task.run_id, "tenant_id": hop.task.tenant_id, "kind": "CLAIMED",
        "lease_id": hop.task.lease_id, "attempt": 1, "occurred_at": datetime.now(UTC).isoformat(),
        "details": json.dumps({"hop": 0, "snapshot_at": hop.snapshot_at.isoformat()}),
    }  # fmt: skip
    services.warehouse.stream("pipeline_run_events", [claimed], row_ids=[str(claimed["event_id"])])
    step, *_ = planned_steps(hop)
    extract(hop, step, max_bytes_billed=None)
    print("STAGED", flush=True)


if __name__ == "__main__":
    main()
