"""Runs an operator's command: requires its settings, and reports a failure as one line with status 2."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence

from shared.errors import ConvergenceError
from shared.runtime.terminal import without_commands

WANTED = ("PROJECT_ID", "BIGQUERY_LOCATION")
_KMS_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")


def missing_settings(wanted: Sequence[str] = WANTED) -> list[str]:
    """The settings that are not in the environment."""
    return [name for name in wanted if not os.environ.get(name)]


def require_environment(parser: argparse.ArgumentParser, wanted: Sequence[str] = WANTED) -> None:
    """End the process with status 2 when a setting is missing or invalid."""
    if missing := missing_settings(wanted):
        parser.error(f"set these in the environment: {', '.join(missing)}")
    if "KMS_KEY" in wanted and not _KMS_KEY.fullmatch(os.environ["KMS_KEY"]):
        parser.error("KMS_KEY is not the name of a key: projects/P/locations/L/keyRings/R/cryptoKeys/K")


def carried_out(work: Callable[[], int], *, remark: Callable[[], str] = str) -> int:
    """Run the work and return its status. It returns 2, with error and remark on stderr, if the work did not finish."""
    from shared.adapters.google.operator_identity import (
        as_operator,  # imports Google's clients, which --help does not need
    )

    try:
        with as_operator():
            return work()
    except ConvergenceError as error:
        lines = filter(None, [f"stopped: {error.message}", remark()])
        print(without_commands("\n".join(lines)), file=sys.stderr)
        return 2
