"""What the operator's commands have in common: settings they want, and failures that are one line and status 2."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence

from shared.errors import ConvergenceError

WANTED = ("PROJECT_ID", "BIGQUERY_LOCATION")
_KMS_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")


def require_environment(parser: argparse.ArgumentParser, wanted: Sequence[str] = WANTED) -> None:
    """Ends the process with status 2 where a setting is missing or cannot be meant."""
    if missing := [name for name in wanted if not os.environ.get(name)]:
        parser.error(f"not in the environment: {', '.join(missing)}")
    if "KMS_KEY" in wanted and not _KMS_KEY.fullmatch(os.environ["KMS_KEY"]):
        parser.error("KMS_KEY is not the name of a key: projects/P/locations/L/keyRings/R/cryptoKeys/K")


def carried_out(work: Callable[[], int], *, remark: Callable[[], str] = str) -> int:
    """The status of the work; 2, with one line and the remark, when it could not be tried or not be ended."""
    from shared.adapters.operator_identity import as_operator  # Google's clients: --help does without

    try:
        with as_operator():
            return work()
    except ConvergenceError as error:
        print("\n".join(filter(None, [f"stopped: {error.message}", remark()])), file=sys.stderr)
        return 2
