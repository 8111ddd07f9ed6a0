"""Re-encrypts credentials after a rotation of the key: `python -m shared.commands.reencrypt`; see docs/runbook."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial

from shared import bootstrap
from shared.commands.operator_command import carried_out, require_environment
from shared.use_cases.reencrypt_credentials import Reencrypted

_WANTED = ("PROJECT_ID", "BIGQUERY_LOCATION", "KMS_KEY")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. It returns 0 if no credential has an older version, 1 if one has, 2 if it could not start."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.commands.reencrypt",
        description="Re-encrypts tenants' credentials under the key version that encrypts now. May be repeated and "
        "interrupted; a credential that its tenant changes at the same time is left as the tenant stored it.",
        epilog=f"Needs {', '.join(_WANTED)} in the environment, and the operator account's identity.",
    )
    parser.add_argument("--dry-run", action="store_true", help="count what is to be done, decrypt and change nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    require_environment(parser, _WANTED)
    remark = "" if options.dry_run else "What was re-encrypted stays so; run it again."
    return carried_out(partial(_reencrypt, dry_run=options.dry_run, as_json=options.json), remark=lambda: remark)


def _reencrypt(*, dry_run: bool, as_json: bool) -> int:
    result = bootstrap.reencryption().run(dry_run=dry_run)
    print(json.dumps(_in_json(result)) if as_json else _summary(result, dry_run=dry_run))
    return 0 if dry_run or result.is_complete else 1


def _in_json(result: Reencrypted) -> dict[str, object]:
    unreadable = [{"tenant_id": item.tenant_id, "provider": item.provider} for item in result.unreadable]
    counts = {"reencrypted": result.reencrypted, "overtaken": result.overtaken}
    return {"key_version": result.key_version, "found": dict(result.found), **counts, "not_decrypted": unreadable}


def _summary(result: Reencrypted, *, dry_run: bool) -> str:
    lines = [f"encrypting now: {result.key_version}"]
    lines += [f"found under {version}: {count}" for version, count in sorted(result.found.items())]
    if not dry_run:
        lines.append(
            f"re-encrypted: {result.reencrypted}, changed by their tenants meanwhile: {result.overtaken}, "
            f"not decrypted: {len(result.unreadable)}"
        )
        lines += [f"not decrypted: {item.tenant_id} {item.provider}" for item in result.unreadable]
    if not result.found:
        lines.append("nothing to do")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
