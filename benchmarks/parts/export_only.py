"""One run without its mapping to FOCUS: `python -m benchmarks.parts.export_only TASK_JSON [TEMPLATE]`.

The executor runs in this process, from claim to publish. The template is gcp/cost/billing unless another is given, as
provider/domain/template. The mapping is left out, because it is a query that BigQuery runs without the executor, and
devcloud takes minutes for it over millions of rows. This prints JSON: seconds of wall time, seconds of CPU, peak memory
in MiB. The clock starts before anything is imported.
"""

import json
import sys
import time

from benchmarks.parts.contenders import took_since

_BUDGET_SECONDS = 3_000


def main(task: str, template: str = "gcp/cost/billing") -> None:
    """Run, and print the cost."""
    started = time.monotonic()
    from dataclasses import replace

    from shared import bootstrap
    from shared.configuration.templates import get_template
    from shared.domain.runs.delivery import RunTask
    from shared.pipeline.stop_signal import StopSignal
    from tests.support.own_executor import begun_hop, unrecorded

    whole = get_template(*template.split("/"))
    kept = {step.id for step in whole.steps if step.uses != "sql"}
    parts = {
        "steps": [step for step in whole.steps if step.id in kept],
        "checks": [check for check in whole.checks if check.step in kept],
        "publish": [target for target in whole.publish if target.step in kept],
        "lookups": {},
    }
    hop = begun_hop(RunTask(**json.loads(task)), bootstrap.executor_services(), whole.model_copy(update=parts))
    unrecorded(replace(hop, stop_signal=StopSignal(budget_seconds=_BUDGET_SECONDS))).run()
    print(json.dumps(took_since(started)))


if __name__ == "__main__":
    main(*sys.argv[1:])
