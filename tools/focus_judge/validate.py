"""Prints, as JSON, the rules of FOCUS 1.2 that each Parquet file breaks: `python validate.py FILE...`.

This runs in the validator's own environment (requirements/judges/focus.txt). It needs no network, because the package
contains the rules. The validator's exit code does not depend on the result, so this reads the results. It leaves out
rules that were skipped, and rules that failed only because a rule inside them failed. It reports rules of allowed
values, which join their alternatives by OR.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

import focus_validator
from focus_validator.validator import Validator

RULES = 578  # of model 1.2.0.1; another number means that the validator checked other rules
# The model has a wrong condition, or none, for these rules, so no data with the column can pass. Checks of
# gcp/cost/billing test what these rules intend.
BROKEN = {
    "CommitmentDiscountStatus-C-004-C",
    "CapacityReservationStatus-C-003-C",
    "CapacityReservationStatus-C-004-C",
    "InvoiceId-C-004-C",
    "InvoiceId-C-005-C",
}
# The model's rule <Column>-C-002-M requires ASCII in each column. FOCUS 1.2 says otherwise (StringHandling): texts are
# UTF-8 and keep the provider's spelling.
_ASCII_ALONE = re.compile(r"MUST contain only ASCII characters\.")
_COMPOSED = ": AND failed"  # this rule contains other rules, which have messages of their own


def broken_rules(path: Path) -> dict[str, str]:
    """The message of each broken rule, by its id; raises AssertionError if not every rule was checked."""
    validator = Validator(
        data_filename=str(path),
        data_format=None,
        output_destination=None,
        output_type="console",
        rules_version="1.2",
        focus_dataset="CostAndUsage",
        filter_rules=None,
        rules_force_remote_download=False,
        rules_block_remote_download=True,
        allow_draft_releases=False,
        allow_prerelease_releases=False,
        column_namespace=None,
        applicability_criteria="ALL",
    )
    validator.load()
    results = validator.spec_rules.validate(validator.focus_data).by_rule_id
    if len(results) != RULES:
        raise AssertionError(f"{len(results)} rules instead of {RULES}")
    return {rule: _message(result) for rule, result in results.items() if rule not in BROKEN and _is_broken(result)}


def _is_broken(result: dict[str, Any]) -> bool:
    details = result.get("details") or {}
    if result.get("ok") or details.get("skipped"):
        return False
    return _COMPOSED not in _message(result) and not _ASCII_ALONE.search(_message(result))


def _message(result: dict[str, Any]) -> str:
    return str((result.get("details") or {}).get("message"))


def main(files: list[str]) -> None:
    """Judge the files in turn; only the JSON goes to the standard output."""
    paths = [Path(file).resolve() for file in files]
    logging.disable(logging.WARNING)
    os.chdir(Path(focus_validator.__file__).parents[1])  # it opens its currency codes by a relative path
    with contextlib.redirect_stdout(sys.stderr):
        found = [broken_rules(path) for path in paths]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
