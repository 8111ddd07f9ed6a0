"""One run of gcp/cost/billing without its mapping to FOCUS: `python -m benchmarks.parts.export_only TASK_JSON`.

The executor runs in this process, from claim to publish. The mapping is left out, because it is a query that BigQuery
runs without the executor, and devcloud takes minutes for it over millions of rows. This prints JSON: seconds of wall
time, seconds of CPU, peak memory in MiB. The clock starts before anything is imported.
"""

import json
import sys
import time

from benchmarks.parts.contenders import took_since


def main() -> None:
    """Run, and print the cost."""
    started = time.monotonic()
    from shared import bootstrap
    from shared.configuration.files import load_document
    from shared.configuration.platform_config import CONFIGS
    from shared.domain.runs.delivery import RunTask
    from shared.domain.templates.template_parsing import parse_template
    from tests.support.own_executor import begun_hop, unrecorded

    whole = load_document(CONFIGS / "gcp/cost/billing.yml", file="billing.yml").content
    assert isinstance(whole, dict)
    steps = [step for step in whole["steps"] if step["uses"] == "gcp_billing_export"]
    kept = {step["id"] for step in steps}
    rest = {name: [item for item in whole[name] if item["step"] in kept] for name in ("checks", "publish")}
    document = {**whole, **rest, "steps": steps, "lookups": {}}
    template = parse_template(document, provider="gcp", domain="cost", template="billing", file="export_only.yml")
    hop = begun_hop(RunTask(**json.loads(sys.argv[1])), bootstrap.executor_services(), template)
    unrecorded(hop).run()
    print(json.dumps(took_since(started)))


if __name__ == "__main__":
    main()
