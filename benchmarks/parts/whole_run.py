"""One run of gcp/cost/billing with all its steps: `python -m benchmarks.parts.whole_run TASK_JSON`.

The executor runs in this process, from claim to publish. This prints JSON: seconds of each step, seconds of wall time,
seconds of CPU, peak memory in MiB. The clock starts before anything is imported.
"""

import json
import sys
import time

from benchmarks.parts.contenders import took_since

_BUDGET_SECONDS = 3_000


def main() -> None:
    """Run, and print the cost."""
    started = time.monotonic()
    import uuid
    from dataclasses import replace
    from datetime import UTC, datetime

    from shared import bootstrap
    from shared.configuration.templates import get_template
    from shared.domain.runs.delivery import RunTask
    from shared.pipeline.executor import Executor
    from shared.pipeline.journal import Journal
    from shared.pipeline.stop_signal import StopSignal
    from tests.support.own_executor import begun_hop

    task, template = RunTask(**json.loads(sys.argv[1])), get_template("gcp", "cost", "billing")
    hop = replace(
        begun_hop(task, bootstrap.executor_services(), template), stop_signal=StopSignal(budget_seconds=_BUDGET_SECONDS)
    )
    journal = Journal([])
    Executor(hop, journal, record=lambda _: uuid.uuid4().hex, clock=lambda: datetime.now(UTC)).run()
    steps = {row["step_id"]: row["duration_ms"] / 1000 for row in journal.step_rows()}
    print(json.dumps({"steps": steps} | took_since(started)))


if __name__ == "__main__":
    main()
