"""One cold start in a process of its own: `python -m benchmarks.parts.cold_start JSON` prints its cost.

The JSON says which modules to hide, which to import before the clock starts, which function's main.py to import (or
none), what of shared.bootstrap its request needs, and which further modules the request imports.
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
    """Import as the JSON says; measures CPU seconds, which do not depend on how busy the machine is."""
    import importlib
    import json
    import runpy

    told = json.loads(sys.argv[1])
    for module in told["hidden"]:
        sys.modules[module] = None  # type: ignore[assignment] # this is how Python spells "not installed"
    for module in told["before"]:
        importlib.import_module(module)
    started = time.process_time()
    if told["main"]:
        runpy.run_path(told["main"], run_name="main")
    after_main = _imported()
    for name in told["services"]:
        from shared import bootstrap

        getattr(bootstrap, name)()
    for module in told["imports"]:
        importlib.import_module(module)
    seconds = time.process_time() - started
    print(json.dumps({"seconds": seconds, "after_main": after_main, "after_all": _imported()}))


def _imported() -> list[str]:
    return [client for client in CLIENTS if sys.modules.get(client) is not None]


if __name__ == "__main__":
    main()
