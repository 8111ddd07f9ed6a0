"""The command line for authors of pipeline templates. It needs neither a network nor credentials."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.authoring.explanation import explain
from shared.authoring.new_template import write_new_template
from shared.authoring.template_schema import SCHEMA_FILE, schema_text
from shared.authoring.validation import all_template_files, problems_of, template_files
from shared.configuration.templates import find_template, read_template, usable_templates
from shared.domain.requests.identifiers import check_tenant_id
from shared.domain.templates.templates import Template, resolve_parameters
from shared.errors import ConvergenceError, InvalidInput, NotFound
from shared.pipeline.sql_places import shown_path

_DESCRIPTION = (
    "Checks and explains pipeline templates: configs/<provider>/<domain>/<template>.yml and the SQL beside them."
)
_EXAMPLES = """\
examples:
  .venv/bin/python -m shared.authoring validate                              every template under configs/
  .venv/bin/python -m shared.authoring validate configs/gcp/cost/billing.yml
  .venv/bin/python -m shared.authoring explain gcp/cost/billing --date 2025-11-17
  .venv/bin/python -m shared.authoring explain gcp/cost/billing --start-date 2025-11-01 --end-date 2025-11-30 \\
      --param billing_export_table=acme-gcp.billing.gcp_billing_export_v1_0A1B2C
  .venv/bin/python -m shared.authoring new gcp/cost/by_project               a template to begin with
  .venv/bin/python -m shared.authoring schema --write                        after a change of what templates may say"""
_VALIDATE = """\
Prints a line for each problem of a template: FILE:LINE: FIELD or STATEMENT: the problem. It checks fields, types and
values. It checks that every step, parameter, statement, lookup and table that the template or its SQL names exists,
and that the columns of checks and of published tables exist and have the right type. It does not parse SQL:
`python -m tools.validate_sql` does. The exit status is 1 if there is a problem."""
_EXPLAIN = """\
Prints what a run would do: its steps in order with their SQL, the parameters and their values, the tables they read
and write, the checks, and the limits of bytes billed. Values that only a run knows are in <>."""
_NEW = """\
Writes a valid template under configs/, with its SQL and the table that it publishes: the example of docs/pipelines.md
under the new name. Change the three files to what the pipeline should do, then validate them. It replaces no file."""
_SCHEMA = """\
Prints the JSON Schema of templates. Editors with a YAML language server take it from configs/pipeline.schema.json."""

_Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers returns


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status. A mistake of the user is reported as one line on standard error."""
    options = build_parser().parse_args(arguments)
    commands = {"validate": _validate, "explain": _explain, "new": _new, "schema": _schema}
    try:
        return commands[options.command](options)
    except ConvergenceError as error:
        print(error.message, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, for example `head`, has closed the pipe
        sys.stderr.close()
        return 0


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.authoring",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    validate = _add(commands, "validate", "say what is wrong with templates", _VALIDATE)
    validate.add_argument(
        "path", nargs="?", type=Path, metavar="PATH", help="a template or a folder; default: all of them"
    )
    validate.add_argument(
        "--json", action="store_true", help="print one JSON object with the problems of each template"
    )
    shown = _add(commands, "explain", "print what a run would do", _EXPLAIN)
    shown.add_argument("template", metavar="TEMPLATE", help="gcp/cost/billing, gcp-cost-billing, or its file")
    shown.add_argument("--date", metavar="YYYY-MM-DD", help="the one day of the run")
    shown.add_argument("--start-date", metavar="YYYY-MM-DD", help="the first of its days")
    shown.add_argument("--end-date", metavar="YYYY-MM-DD", help="the last of its days, inclusive")
    shown.add_argument("--param", action="append", default=[], metavar="K=V", help="a parameter; may be repeated")
    shown.add_argument("--tenant", default="acme_corp", metavar="ID", help="whose run (default: %(default)s)")
    new = _add(commands, "new", "write a template to begin with", _NEW)
    new.add_argument("path", metavar="PATH", help="the new template, such as gcp/cost/by_project")
    schema = _add(commands, "schema", "print the JSON Schema of templates", _SCHEMA)
    schema.add_argument("--write", action="store_true", help="write it to configs/pipeline.schema.json")
    return parser


def _add(
    commands: _Commands[argparse.ArgumentParser], name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(name, help=summary, description=description, formatter_class=formatter)


def _validate(options: argparse.Namespace) -> int:
    files = template_files(options.path) if options.path else all_template_files()
    found = {file: problems_of(file) for file in files}
    if not options.json:
        return report(found, praise="valid")
    print(
        json.dumps(
            {"templates": [{"file": shown_path(file), "problems": list(those)} for file, those in found.items()]}
        )
    )
    return 1 if any(found.values()) else 0


def report(found: Mapping[Path, Sequence[str]], *, praise: str) -> int:
    """Print the problems of each template, or the `praise` if it has none; 1 if anything is wrong."""
    for file, problems in found.items():
        if problems:
            print("\n".join(problems), file=sys.stderr)
        else:
            print(f"{shown_path(file)}: {praise}")
    return 1 if any(found.values()) else 0


def _explain(options: argparse.Namespace) -> int:
    template = _template(options.template)
    if problems := problems_of(Path(template.folder or "") / f"{template.template}.yml"):
        print("\n".join(problems), file=sys.stderr)
        return 1
    check_tenant_id(options.tenant)
    given = {name: getattr(options, name) for name in ("date", "start_date", "end_date")}
    body = {name: value for name, value in given.items() if value is not None} | _parameters(template, options.param)
    parameters = resolve_parameters(template, body, today=datetime.now(UTC).date())
    for line in explain(template, parameters, tenant_id=options.tenant):
        print(line)
    return 0


def _template(name: str) -> Template:
    path = Path(name)
    if path.is_file():
        return read_template(path.resolve(), file=name)
    parts = name.split("/") if "/" in name else name.split("-")
    found = find_template(*parts) if len(parts) == 3 else None
    if found is None:
        known = ", ".join(template.pipeline_id.replace("-", "/") for template in usable_templates())
        raise NotFound(f"{name}: there is no such template; there are {known}")
    return found


def _parameters(template: Template, given: Sequence[str]) -> dict[str, Any]:
    return dict(_parameter(template, text) for text in given)


def _parameter(template: Template, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput.of_field("--param", f"{text} is not K=V")
    parameter = template.parameters.get(name)
    if parameter and parameter.type == "boolean" and value in ("true", "false"):
        return name, value == "true"
    if parameter and parameter.type == "integer" and value.removeprefix("-").isdecimal():
        return name, int(value)
    return name, value


def _new(options: argparse.Namespace) -> int:
    for file in write_new_template(options.path):
        print(f"{shown_path(file)} is written.")
    return 0


def _schema(options: argparse.Namespace) -> int:
    if options.write:
        SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
        print(f"{SCHEMA_FILE.name} is written.")
    else:
        print(schema_text(), end="")
    return 0
