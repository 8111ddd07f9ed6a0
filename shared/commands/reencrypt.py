"""Re-encrypts credentials and webhooks' secrets after a rotation of the key; see docs/runbook.

`python -m shared.commands.reencrypt`
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial

from shared import bootstrap
from shared.commands.operator_command import carried_out, require_environment
from shared.domain.alerts.sending import SealedWebhook
from shared.domain.credentials.sealed import SealedCredential
from shared.use_cases.reencrypt_credentials import Moves, Reencrypted

_WANTED = ("PROJECT_ID", "BIGQUERY_LOCATION", "KMS_KEY")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. It returns 0 if nothing has an older version, 1 if something has, 2 if it could not start."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.commands.reencrypt",
        description="Re-encrypts tenants' credentials and webhooks' secrets under the key version that encrypts now. "
        "May be repeated and interrupted; what a tenant changes at the same time is left as the tenant stored it.",
        epilog=f"Needs {', '.join(_WANTED)} in the environment, and the operator account's identity.",
    )
    parser.add_argument("--dry-run", action="store_true", help="count what is to be done, decrypt and change nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    require_environment(parser, _WANTED)
    remarks: list[str] = []
    return carried_out(partial(_reencrypt, options, remarks), remark=lambda: "".join(remarks))


def _reencrypt(options: argparse.Namespace, remarks: list[str]) -> int:
    """Re-encrypt, and return the command's status. `remarks` gets the remark to print if the command stops later."""
    reencryption = bootstrap.reencryption()  # this ends the command if there is no identity
    if not options.dry_run:
        remarks.append("What was re-encrypted stays so; run it again.")
    result = reencryption.run(dry_run=options.dry_run)
    print(json.dumps(_in_json(result)) if options.json else _summary(result, dry_run=options.dry_run))
    return 0 if options.dry_run or result.is_complete else 1


def _in_json(result: Reencrypted) -> dict[str, object]:
    credentials, webhooks = result.credentials, result.webhooks
    unreadable = [{"tenant_id": item.tenant_id, "provider": item.provider} for item in credentials.unreadable]
    return {
        "key_version": result.key_version,
        "credentials": _counted(credentials, unreadable),
        "webhooks": _counted(webhooks, [{"tenant_id": item.tenant_id} for item in webhooks.unreadable]),
    }


def _counted(
    moves: Moves[SealedCredential] | Moves[SealedWebhook], not_decrypted: list[dict[str, str]]
) -> dict[str, object]:
    counts = {"reencrypted": moves.reencrypted, "overtaken": moves.overtaken}
    return {"found": dict(moves.found), **counts, "not_decrypted": not_decrypted}


def _summary(result: Reencrypted, *, dry_run: bool) -> str:
    credentials, webhooks = result.credentials, result.webhooks
    lines = [f"encrypting now: {result.key_version}"]
    lines += _counts("credentials", credentials, dry_run=dry_run)
    lines += [f"not decrypted: {item.tenant_id} {item.provider}" for item in credentials.unreadable]
    lines += _counts("webhooks", webhooks, dry_run=dry_run)
    lines += [f"not decrypted: {item.tenant_id} webhook" for item in webhooks.unreadable]
    if not credentials.found and not webhooks.found:
        lines.append("nothing to do")
    return "\n".join(lines)


def _counts(name: str, moves: Moves[SealedCredential] | Moves[SealedWebhook], *, dry_run: bool) -> list[str]:
    lines = [f"{name} found under {version}: {count}" for version, count in sorted(moves.found.items())]
    if not dry_run:
        lines.append(
            f"{name} re-encrypted: {moves.reencrypted}, changed by their tenants meanwhile: {moves.overtaken}, "
            f"not decrypted: {len(moves.unreadable)}"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
