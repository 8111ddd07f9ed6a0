"""Migrates tables before and after a deployment: `python -m shared.commands.migrate`; see docs/runbook."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from shared import bootstrap
from shared.adapters.stores.table_layouts import TableChange
from shared.commands.operator_command import WANTED, carried_out, require_environment
from shared.configuration.platform_config import DATASET_WRITERS, get_platform
from shared.configuration.settings import get_settings
from shared.use_cases.migrate_tables import Migration, MigrationPlan

_TOLD_EVERY = 100
_Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. It returns 0 if every table is as in configs/tables, 1 if one is not, 2 if it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.commands.migrate",
        description="Changes existing tables, the platform's and every tenant's, to what configs/tables says: it "
        "adds columns, lets required ones be NULL, updates descriptions and clustering, makes tenants' missing x_meta "
        "tables. No row is touched and no column removed. It compares all tables first and changes nothing unless all "
        "can be changed in place. It may be repeated and interrupted; runs go on meanwhile.",
        epilog=f"Needs {', '.join(WANTED)} in the environment, and the identity that deploys, such as an Owner.",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what is to be done and change nothing")
    parser.add_argument(
        "--tenant", action="append", default=[], metavar="TENANT_ID", help="only this tenant's tables; may be repeated"
    )
    parser.add_argument(
        "--grants", action="store_true", help="afterwards let the platform's accounts write into every tenant's dataset"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, when all is done")
    options = parser.parse_args(arguments)
    require_environment(parser)
    remarks: list[str] = []
    return carried_out(partial(_migrate, options, remarks), remark=lambda: "".join(remarks))


def _migrate(options: argparse.Namespace, remarks: list[str]) -> int:
    """Migrate, and return the command's status. `remarks` gets the remark to print if the command stops later."""
    say: _Say = (lambda _: None) if options.json else partial(print, flush=True)
    plan = Migration(bootstrap.warehouse()).plan(options.tenant, progress=_tell)
    result = _planned(plan)
    say("\n".join(_lines(plan)))
    failed = bool(plan.refused)
    if not options.dry_run and not plan.refused:
        remarks.append("What was changed stays so; run it again.")
        failed = _carry_out(plan, result, say) or (options.grants and _grant(options.tenant, result, say))
    if options.json:
        print(json.dumps(result))
    return 1 if failed else 0


def _planned(plan: MigrationPlan) -> dict[str, Any]:
    """The result as JSON has it, before anything is changed."""
    return {
        "compared": plan.compared,
        "refused": [{"table": change.name, "obstacles": list(change.obstacles)} for change in plan.refused],
        "unknown_columns": [f"{change.name}.{column}" for change in plan.remarkable for column in change.unknown],
        "left_to_terraform": [change.name for change in plan.left_to_terraform],
        "due": [{"table": change.name, "changes": list(_changes(change))} for change in plan.due],
        "done": [],
        "not_done": [],
        "granted": [],
        "not_granted": [],
    }


def _carry_out(plan: MigrationPlan, result: dict[str, Any], say: _Say) -> bool:
    """Change the tables, and return whether one could not be changed."""
    for change, error in Migration(bootstrap.warehouse()).carry_out(plan):
        if error:
            result["not_done"].append({"table": change.name, "problem": str(error)})
        else:
            result["done"].append(change.name)
        say(f"not done: {change.name}: {error}" if error else f"done: {change.name}")
    if plan.due:
        say(f"tables changed: {len(result['done'])} of {len(plan.due)}")
    return bool(result["not_done"])


def _grant(tenants: Sequence[str], result: dict[str, Any], say: _Say) -> bool:
    """Let the accounts write into the datasets, and return whether one could not be changed."""
    platform, project = get_platform(), get_settings().project_id
    accounts = [platform.account_email(name, project) for name in DATASET_WRITERS]
    for tenant_id, error in Migration(bootstrap.warehouse()).grant(accounts, tenants):
        if error:
            result["not_granted"].append({"tenant_id": tenant_id, "problem": str(error)})
        else:
            result["granted"].append(tenant_id)
        say(f"not granted: {tenant_id}: {error}" if error else f"granted: {tenant_id}")
    return bool(result["not_granted"])


def _tell(compared: int, tenants: int) -> None:
    if compared % _TOLD_EVERY == 0:
        print(f"compared {compared} of {tenants} tenants", file=sys.stderr, flush=True)


def _lines(plan: MigrationPlan) -> Iterator[str]:
    yield f"tables compared: {plan.compared}"
    for change in plan.remarkable:
        yield from (f"refused: {change.name}: {obstacle}" for obstacle in change.obstacles)
        yield from (f"stays, unknown to configs/tables: {change.name}.{column}" for column in change.unknown)
    yield from (f"{change.name}: missing; Terraform makes it" for change in plan.left_to_terraform)
    yield from (f"{change.name}: {words}" for change in plan.due if (words := "; ".join(_changes(change))))
    if plan.refused:
        yield "Nothing is changed. What is refused cannot be altered in place; docs/runbook says what to do."
    elif not plan.due:
        yield "nothing to do"


def _changes(change: TableChange) -> Sequence[str]:
    return change.growth.changes if change.growth else ["make it"]


if __name__ == "__main__":
    sys.exit(main())
