"""Validates pipeline templates with Google's SQL analyser: `python -m tools.validate_sql [PATH]`.

Prints what `python -m shared.authoring validate` prints. For valid templates it adds what BigQuery would refuse: wrong
syntax, columns or types, and results of steps that do not have the declared shape. Needs the packages of
requirements/dev.txt, but no network.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from shared.authoring.cli import report
from shared.authoring.validation import all_template_files, problems_of, template_files
from shared.configuration.templates import read_template
from shared.errors import ConvergenceError
from shared.pipeline.sql_places import shown_path
from shared.runtime.terminal import replace_what_cannot_be_shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each fault; returns 1 if there is a fault or the analyser is missing."""
    parser = argparse.ArgumentParser(prog="python -m tools.validate_sql", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument(
        "path", nargs="?", type=Path, metavar="PATH", help="a template or a folder; default: all of them"
    )
    options = parser.parse_args(arguments)
    try:
        files = template_files(options.path) if options.path else all_template_files()
        found = {file: list(_problems(file)) for file in files}
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        print(f"the package {package} is missing: it is one of requirements/dev.txt, see `make setup`", file=sys.stderr)
        return 1
    except ConvergenceError as error:
        print(error.message, file=sys.stderr)
        return 1
    return report(found, praise="valid, its SQL too")


def _problems(file: Path) -> Iterator[str]:
    problems = problems_of(file)
    yield from problems
    if problems:
        return
    from tools.sqljudge.template_sql import refusals  # without the analyser the message names the package to install

    try:
        yield from refusals(read_template(file, file=shown_path(file)))
    except ConvergenceError:
        raise
    except Exception as error:  # noqa: BLE001 - an unexpected error must not hide the findings in other templates
        first = (str(error).splitlines() or [""])[0]
        yield f"{shown_path(file)}:1: not analysed, because this tool failed: {type(error).__name__}: {first}"


if __name__ == "__main__":
    replace_what_cannot_be_shown()
    sys.exit(main())
