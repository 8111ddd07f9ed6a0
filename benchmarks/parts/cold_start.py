"""One cold start in its own process: `python -m benchmarks.parts.cold_start JSON` prints its cost.

The JSON names the modules to hide, the modules to import before the clock starts, the function whose main.py to import
(or none), the calls of shared.bootstrap in a request, and the other modules that the request imports.
"""

import sys
import time

CLIENTS = (
    "azure.identity",
    "azure.storage.blob",
    "boto3",
    "google.cloud.bigquery",
    "google.cloud.bigquery_storage",
    "google.cloud.kms",
    "google.cloud.secretmanager",
    "google.cloud.tasks_v2",
)


def main() -> None:
    """Import as the JSON says. The measure is CPU seconds, which do not depend on other work of the machine."""
    import importlib
    import json
    import runpy

    options = json.loads(sys.argv[1])
    for module in options["hidden"]:
        sys.modules[module] = None  # type: ignore[assignment] # this is how Python spells "not installed"
    for module in options["before"]:
        importlib.import_module(module)
    started = time.process_time()
    if options["main"]:
        runpy.run_path(options["main"], run_name="main")
    after_main = _imported()
    for name in options["services"]:
        from shared import bootstrap

        getattr(bootstrap, name)()
    for module in options["imports"]:
        importlib.import_module(module)
    seconds = time.process_time() - started
    print(json.dumps({"seconds": seconds, "after_main": after_main, "after_all": _imported()}))


def _imported() -> list[str]:
    return [client for client in CLIENTS if sys.modules.get(client) is not None]


if __name__ == "__main__":
    main()
