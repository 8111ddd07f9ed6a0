"""The operator's command for tenants: `python -m shared.commands.tenants --help`.

It stands in for a subscription system, which would write the same rows; see docs/runbook.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from shared.commands.operator_command import WANTED, carried_out, require_environment

if TYPE_CHECKING:
    from shared.adapters.stores.tenant_onboarding import TenantAdmission, TenantState

_DESCRIPTION = """\
Onboards, changes and suspends tenants. It writes rows of tenant_profiles, tenant_subscriptions and tenant_api_keys in
the central dataset, as a subscription system would. Every command may be repeated; rotate-key makes a new key each
time. An API key is TENANT_api_ followed by 32 random letters and digits. It is printed once; the tables store only its
SHA-256."""
_EXAMPLES = f"""\
examples:
  .venv/bin/python -m shared.commands.tenants onboard acme_corp --daily-limit 25 --concurrent-limit 3
  .venv/bin/python -m shared.commands.tenants rotate-key acme_corp                     the other keys end in 24 hours
  .venv/bin/python -m shared.commands.tenants rotate-key acme_corp --overlap-hours 0   they end now, as after a leak
  .venv/bin/python -m shared.commands.tenants suspend acme_corp

Needs {" and ".join(WANTED)} in the environment, and an identity that may write the central tables, such as an Owner.
Exit status: 0 if it is done, 1 if it cannot be done, 2 if the command could not start."""
_HELP = {
    "onboard": "make a tenant with a live subscription, and print its API key",
    "rotate-key": "make a new API key, print it, and end the others",
    "limits": "change the limits of the tenant's subscription",
    "suspend": "refuse all calls of the tenant and stop its schedules, within 30 seconds",
    "resume": "reactivate a suspended tenant",
    "show": "print the tenant's status, limits and number of API keys",
}
_MAX_OVERLAP_HOURS = 24 * 90


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    require_environment(parser)
    return carried_out(partial(_carry_out, options))


def _carry_out(options: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.adapters.stores.tenant_onboarding import TenantAdmission

    return _COMMANDS[options.command](TenantAdmission(bootstrap.warehouse()), options)


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m shared.commands.tenants", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=formatter
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    made = {}
    for name, text in _HELP.items():
        made[name] = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        made[name].add_argument("tenant_id", metavar="TENANT", help="lower-case letters, digits and _: acme_corp")
        made[name].add_argument("--json", action="store_true", help="print one JSON object")
    made["onboard"].add_argument("--company-name", metavar="NAME", help="shown to people (default: from the id)")
    for name, daily, concurrent in (("onboard", 25, 3), ("limits", None, None)):
        default = f" (default: {'unchanged' if daily is None else '%(default)s'})"
        limit = partial(made[name].add_argument, type=_positive, metavar="N")
        limit("--daily-limit", default=daily, help=f"runs a UTC day{default}")
        limit("--concurrent-limit", default=concurrent, help=f"runs at a time{default}")
    made["rotate-key"].add_argument(
        "--overlap-hours",
        type=_hours,
        metavar="H",
        default=24,
        help="how long the other keys keep working; 0 ends them now (default: %(default)s)",
    )
    return parser


def _onboard(tenants: TenantAdmission, options: argparse.Namespace) -> int:
    api_key = tenants.onboard(
        options.tenant_id,
        company_name=options.company_name or options.tenant_id.replace("_", " ").title(),
        daily_limit=options.daily_limit,
        concurrent_limit=options.concurrent_limit,
    )
    remark = "" if api_key else "It was onboarded before; nothing is changed. See `limits` and `rotate-key`."
    return _report(tenants, options, api_key=api_key, remark=remark)


def _rotate_key(tenants: TenantAdmission, options: argparse.Namespace) -> int:
    api_key = tenants.rotate_key(options.tenant_id, overlap_hours=options.overlap_hours)
    hours = options.overlap_hours
    ends = f"end in {hours} hours" if hours else "have ended; functions know within 30 seconds"
    return _report(tenants, options, api_key=api_key, remark=f"Its other keys {ends}.")


def _limits(tenants: TenantAdmission, options: argparse.Namespace) -> int:
    asked = {"daily_limit": options.daily_limit, "concurrent_limit": options.concurrent_limit}
    tenants.set_limits(options.tenant_id, **asked)
    return _report(tenants, options, wanted={name: value for name, value in asked.items() if value is not None})


def _suspend(tenants: TenantAdmission, options: argparse.Namespace) -> int:
    tenants.set_status(options.tenant_id, "SUSPENDED")
    remark = "All functions know within 30 seconds."
    return _report(tenants, options, wanted={"status": "SUSPENDED"}, remark=remark)


def _resume(tenants: TenantAdmission, options: argparse.Namespace) -> int:
    tenants.set_status(options.tenant_id, "ACTIVE")
    return _report(tenants, options, wanted={"status": "ACTIVE"})


def _show(tenants: TenantAdmission, options: argparse.Namespace) -> int:
    return _report(tenants, options)


_COMMANDS = {
    "onboard": _onboard,
    "rotate-key": _rotate_key,
    "limits": _limits,
    "suspend": _suspend,
    "resume": _resume,
    "show": _show,
}


def _report(
    tenants: TenantAdmission,
    options: argparse.Namespace,
    *,
    api_key: str | None = None,
    remark: str = "",
    wanted: dict[str, object] | None = None,
) -> int:
    """Print the tenant's state, and its new key if it has one; status 1 if the state is not the wanted one."""
    state = tenants.find(options.tenant_id)
    if state is None:
        print(f"there is no tenant {options.tenant_id}; `onboard` makes one", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({**vars(state), **({"api_key": api_key} if api_key else {})}))
    else:
        print("\n".join(filter(None, [_in_words(state), remark])))
        if api_key:
            print(f"API key, shown this once:\n{api_key}")
    missed = {name: value for name, value in (wanted or {}).items() if getattr(state, name) != value}
    if missed:
        print(f"not done: {', '.join(f'{name} {value}' for name, value in missed.items())}", file=sys.stderr)
    return 1 if missed else 0


def _in_words(state: TenantState) -> str:
    keys = f"{state.api_keys} API key{'' if state.api_keys == 1 else 's'}"
    if state.daily_limit is None:
        return f"{state.tenant_id}: {state.status}, no live subscription, {keys}"
    limits = f"{state.daily_limit} runs a day, {state.concurrent_limit} at a time"
    return f"{state.tenant_id}: {state.status}, {limits}, {keys}"


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10**6:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 1000000")
    return int(text)


def _hours(text: str) -> int:
    if not text.isdecimal() or int(text) > _MAX_OVERLAP_HOURS:
        raise argparse.ArgumentTypeError(f"{text} is not a number of hours from 0 to {_MAX_OVERLAP_HOURS}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
