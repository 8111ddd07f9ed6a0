"""Migrates tables before and after a deployment: `python -m shared.commands.migrate`; see docs/runbook."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from shared import bootstrap
from shared.adapters.stores.table_layouts import TableChange
from shared.commands.operator_command import WANTED, carried_out, require_environment
from shared.configuration.platform_config import DATASET_WRITERS, get_platform
from shared.configuration.settings import get_settings
from shared.use_cases.migrate_tables import Migration, MigrationPlan

_TOLD_EVERY = 100


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
    options = parser.parse_args(arguments)
    require_environment(parser)
    remarks: list[str] = []
    return carried_out(partial(_migrate, options, remarks), remark=lambda: "".join(remarks))


def _migrate(options: argparse.Namespace, remarks: list[str]) -> int:
    """Migrate, and return the command's status. `remarks` gets the remark to print if the command stops later."""
    plan = Migration(bootstrap.warehouse()).plan(options.tenant, progress=_tell)
    print("\n".join(_lines(plan)), flush=True)
    if options.dry_run or plan.refused:
        return 1 if plan.refused else 0
    remarks.append("What was changed stays so; run it again.")
    return _carry_out(plan) or (_grant(options.tenant) if options.grants else 0)


def _carry_out(plan: MigrationPlan) -> int:
    failed = 0
    for change, error in Migration(bootstrap.warehouse()).carry_out(plan):
        failed += error is not None
        print(f"not done: {change.name}: {error}" if error else f"done: {change.name}", flush=True)
    if plan.due:
        print(f"tables changed: {len(plan.due) - failed} of {len(plan.due)}")
    return 1 if failed else 0


def _grant(tenants: Sequence[str]) -> int:
    platform, project, failed = get_platform(), get_settings().project_id, 0
    accounts = [platform.account_email(name, project) for name in DATASET_WRITERS]
    for tenant_id, error in Migration(bootstrap.warehouse()).grant(accounts, tenants):
        failed += error is not None
        print(f"not granted: {tenant_id}: {error}" if error else f"granted: {tenant_id}", flush=True)
    return 1 if failed else 0


def _tell(compared: int, tenants: int) -> None:
    if compared % _TOLD_EVERY == 0:
        print(f"compared {compared} of {tenants} tenants", file=sys.stderr, flush=True)


def _lines(plan: MigrationPlan) -> Iterator[str]:
    yield f"tables compared: {plan.compared}"
    for change in plan.remarkable:
        yield from (f"refused: {change.name}: {obstacle}" for obstacle in change.obstacles)
        yield from (f"stays, unknown to configs/tables: {change.name}.{column}" for column in change.unknown)
    yield from (f"{change.name}: missing; Terraform makes it" for change in plan.left_to_terraform)
    yield from (f"{change.name}: {words}" for change in plan.due if (words := _words(change)))
    if plan.refused:
        yield "Nothing is changed. What is refused cannot be altered in place; docs/runbook says what to do."
    elif not plan.due:
        yield "nothing to do"


def _words(change: TableChange) -> str:
    return "; ".join(change.growth.changes) if change.growth else "make it"


if __name__ == "__main__":
    sys.exit(main())
