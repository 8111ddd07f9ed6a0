"""The command line of the local Google Cloud."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from devcloud.errors import UserError
from devcloud.invocation import command
from shared.errors import ConvergenceError

_DESCRIPTION = """\
A Google Cloud on this machine, for development and tests: BigQuery, Cloud KMS, Secret Manager,
Cloud Tasks, Cloud Scheduler, a token server, and every function of configs/platform.yml behind
one gateway, and beside it an S3 and a Blob storage with the bills of AWS and Azure. Everything lives
in one state directory and survives being killed."""
_EXAMPLES = """\
examples:
  {run} demo                            the whole story, in a minute
  {run} up                              leave it running in a terminal of its own
  {run} onboard acme_corp               a tenant and its API key
  {run} mint-key --project acme-gcp > key.json
  {run} seed-billing --project acme-gcp --start 2025-11-01 --days 30 --truth truth.json
  {run} deliver-bill aws --name acme > aws.json
  {run} mint-token scheduler_status     the Bearer token for an operator's call
  {run} run-job trigger                 queue what is due, without waiting for the hour
  {run} query "SELECT * FROM gcp_cost_billing LIMIT 3" --tenant acme_corp
  {run} jobs                            what BigQuery has been asked since the start
  {run} status                          where everything listens"""
_DEMO = """\
Starts a cloud, onboards two tenants, stores their credentials, runs gcp/cost/billing for each through
the real functions, shows rows, costs, checks and quotas, and compares the totals with the export's own.
One tenant has bills of AWS and Azure too; it ends with the costs of three clouds in one table.
Without --stay it works in a folder of its own, which it removes."""
_UP = """\
Starts every service and stays in the foreground until SIGTERM or Ctrl-C. The platform is provisioned
as Terraform would: datasets and tables, key, secret, queues, schedules. Functions start with their
first request, and print to STATE_DIR/logs/FUNCTION.log."""
_ONBOARD = """\
Does what the subscription system does before a tenant first calls: profile, live subscription, API key.
The key is shown once and stored only as its SHA-256."""
_MINT = """\
Prints a service-account JSON key of an account in project P: what a tenant would upload as its GCP
credential. It may use project P and nothing else."""
_LET_IN = """\
Prints an OIDC token, good for an hour, with which a private function lets one of its callers in: the
operator in scheduler_status, Cloud Scheduler or Cloud Tasks in the others. Functions of tenants take API keys."""
_QUERY = """\
Asks the local BigQuery as the operator, who sees every dataset, and prints the rows as a table. The
platform's tables are in tenants, a tenant's in the dataset of its id: gcp_cost_billing, focus_cost, ..."""
_SEED = """\
Writes a sample Cloud Billing detailed export into a tenant's own GCP project and prints its truth: the
exact sums per invoice month and per usage date (UTC). The same arguments give the same bytes. The table
is replaced, unless --append."""
_DELIVER = """\
Delivers a sample bill into a bucket of its own, as AWS (CUR 2.0) or Azure (an export of actual costs) would,
and prints the credentials that may read it: the body of POST credentials. The last month is still open."""
_PROJECT = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_ACCOUNT = re.compile(r"[a-z][a-z0-9-]{0,29}")
_BILL_OF = re.compile(r"[a-z][a-z0-9-]{0,17}[a-z0-9]")  # storage accounts at Azure have at most 24 characters
# The usage dates that runs accept, and at most ten years of them.
_FIRST_YEAR, _LAST_YEAR, _MAX_DAYS = 2008, 2150, 3_660


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status. An error that a user can correct is one line on standard error."""
    options = build_parser().parse_args(arguments)
    try:
        _command(options.command)(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, for example head, has closed the pipe, so the interpreter must not flush anything at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (UserError, ConvergenceError) as error:
        print(f"devcloud: {error}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    parser = argparse.ArgumentParser(
        prog=command(),
        description=_DESCRIPTION,
        epilog=_EXAMPLES.format(run=command()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_up(commands)
    _add_onboard(commands)
    _add_mint_key(commands)
    mint_token = _add(commands, "mint-token", "print an OIDC token for a private function", _LET_IN)
    mint_token.add_argument("function", metavar="FUNCTION", help="for example scheduler_status")
    _add_seed_billing(commands)
    _add_deliver_bill(commands)
    run_job = _add(commands, "run-job", "have Cloud Scheduler run one of its jobs now", "")
    run_job.add_argument("job", metavar="JOB", help="trigger, process-queue, reset-daily-quotas, ...")
    query = _add(commands, "query", "ask BigQuery, with the official client, and print the rows", _QUERY)
    query.add_argument("sql", metavar="SQL", help='e.g. "SELECT tenant_id, status FROM tenants.tenant_profiles"')
    query.add_argument("--tenant", metavar="TENANT_ID", help="look for tables without a dataset in this tenant's")
    _add_json(query, "print the rows as JSON")
    jobs = _add(commands, "jobs", "list the BigQuery jobs since the start", "")
    _add_json(jobs, "print them as JSON")
    status = _add(commands, "status", "show where everything listens and which functions run", "")
    _add_json(status, "print the ready line again")
    return parser


_Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers returns


def _add_demo(commands: _Commands[argparse.ArgumentParser]) -> None:
    demo = _add(commands, "demo", "show the platform's main job end to end, on sample data", _DEMO)
    demo.add_argument("--stay", action="store_true", help="leave it running afterwards, on --state-dir")
    demo.add_argument("--port", type=int, default=0, help="the gateway's port (default: the last one, else a free one)")
    _add_latencies(demo)


def _add_up(commands: _Commands[argparse.ArgumentParser]) -> None:
    up = _add(commands, "up", "start the cloud and stay in the foreground", _UP)
    up.add_argument("--port", type=int, default=0, help="the gateway's port (default: the last one, else a free one)")
    _add_latencies(up)
    up.add_argument("--warm", action="store_true", help="start every function right away, in the background")
    _add_json(up, "print one JSON line when ready: gateway, bigquery, project, region, admin_key, services, env")


def _add_onboard(commands: _Commands[argparse.ArgumentParser]) -> None:
    onboard = _add(commands, "onboard", "make a tenant with a live subscription and an API key", _ONBOARD)
    onboard.add_argument("tenant_id", metavar="TENANT_ID", help="lower-case letters, digits and _, e.g. acme_corp")
    limits = onboard.add_argument_group("subscription")
    limits.add_argument("--daily-limit", type=_positive, default=25, help="runs a UTC day (default: %(default)s)")
    limits.add_argument("--concurrent-limit", type=_positive, default=3, help="runs at a time (default: %(default)s)")
    onboard.add_argument("--new-key", action="store_true", help="only add an API key to a tenant that exists")
    _add_json(onboard, "print tenant_id and api_key as JSON")


def _add_mint_key(commands: _Commands[argparse.ArgumentParser]) -> None:
    mint = _add(commands, "mint-key", "print a service-account JSON key", _MINT)
    mint.add_argument("--project", required=True, type=_project, metavar="P", help="the GCP project it belongs to")
    mint.add_argument("--account", default="billing-reader", type=_account, metavar="NAME", help="default: %(default)s")


def _add_seed_billing(commands: _Commands[argparse.ArgumentParser]) -> None:
    seed = _add(commands, "seed-billing", "write a sample billing export into a tenant's GCP project", _SEED)
    seed.add_argument("--project", required=True, type=_project, metavar="P", help="the tenant's own GCP project")
    seed.add_argument("--dataset", default="billing", help="made when missing (default: %(default)s)")
    seed.add_argument("--table", help="default: gcp_billing_export_resource_v1_<billing account>")
    seed.add_argument(
        "--start", type=_date, metavar="YYYY-MM-DD", help="first usage date (default: the days up to now)"
    )
    seed.add_argument("--days", type=_days, default=30, help="usage dates (default: %(default)s)")
    seed.add_argument("--rows-per-day", type=_positive, default=200, help="rows of usage (default: %(default)s)")
    seed.add_argument("--seed", type=int, default=1, help="another one is another organisation (default: %(default)s)")
    seed.add_argument("--location", default="US", help="of the dataset (default: %(default)s)")
    seed.add_argument("--append", action="store_true", help="add to the table instead of replacing it")
    seed.add_argument("--truth", type=Path, metavar="FILE", help="write the truth here as well")


def _add_deliver_bill(commands: _Commands[argparse.ArgumentParser]) -> None:
    deliver = _add(commands, "deliver-bill", "deliver a sample bill of AWS or Azure into a bucket", _DELIVER)
    deliver.add_argument("cloud", choices=("aws", "azure"), help="AWS's CUR 2.0, or Azure's export of actual costs")
    deliver.add_argument("--name", required=True, type=_bill_of, metavar="NAME", help="whose bill, e.g. initech")
    deliver.add_argument("--start", type=_date, metavar="YYYY-MM-DD", help="first day (default: the days up to now)")
    deliver.add_argument("--days", type=_days, default=30, help="days of usage (default: %(default)s)")
    deliver.add_argument("--seed", type=int, default=1, help="another one is another bill (default: %(default)s)")
    deliver.add_argument("--truth", type=Path, metavar="FILE", help="write here what the bill adds up to")


def _add(
    commands: _Commands[argparse.ArgumentParser], name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=description or f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--state-dir", type=Path, default=Path(".devcloud"), metavar="DIR", help="the cloud's (default: %(default)s)"
    )
    return command


def _add_latencies(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--latencies",
        type=int,
        nargs="?",
        const=1,
        metavar="SEED",
        help="have each statement take as long as on real BigQuery, by the latencies recorded there",
    )


def _add_json(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--json", action="store_true", help=what)


def _command(name: str) -> Callable[[argparse.Namespace], None]:
    """The function of a command. It is imported late, so that --help is quick."""
    from devcloud import commands

    found: Callable[[argparse.Namespace], None] = getattr(commands, name.replace("-", "_"))
    return found


def _positive(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _days(text: str) -> int:
    value = _positive(text)
    if value > _MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is more than {_MAX_DAYS} days")
    return value


def _date(text: str) -> date:
    try:
        value = date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a date like 2025-11-17") from error
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise argparse.ArgumentTypeError(f"{text} is not in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return value


def _project(text: str) -> str:
    if not _PROJECT.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text} is not a project id: 6 to 30 of a-z, 0-9 and -, starting with a letter, perhaps after example.com:"
        )
    return text


def _bill_of(text: str) -> str:
    if not _BILL_OF.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is not 2 to 19 of a-z, 0-9 and -, starting with a letter")
    return text


def _account(text: str) -> str:
    if not _ACCOUNT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is not an account's name: up to 30 of a-z, 0-9 and -")
    return text
