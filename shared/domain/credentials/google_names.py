"""Validates the names of Google Cloud's projects, service accounts and tables, in all their spellings."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from shared.domain.requests.texts import Text

# Projects of a domain, example.com:acme-billing, can no longer be created. Existing ones have exports.
_PROJECT = r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
_DATASET, _TABLE = r"[A-Za-z0-9_]{1,1024}", r"[A-Za-z0-9_-]{1,1024}"
# bq writes a colon after the project.
_EXPORT_TABLE = Text(rf"({_PROJECT})[:.]({_DATASET})\.({_TABLE})", "must be project.dataset.table")


def table_name(written: str) -> str:
    """A table's name as project.dataset.table. It also accepts project:dataset.table; ValueError for anything else."""
    found = re.fullmatch(_EXPORT_TABLE.pattern, written)
    if not found:
        raise ValueError(_EXPORT_TABLE.rule)
    return ".".join(found.groups())


def parts_of_table(name: str) -> tuple[str, str, str]:
    """Project, dataset and table of a project.dataset.table; only the project may have dots of its own."""
    project, dataset, table = name.rsplit(".", 2)
    return project, dataset, table


def is_of_project(account: str, project: str) -> bool:
    """Whether the service account with this e-mail address belongs to the project."""
    home = ".".join(reversed(project.split(":")))  # accounts of example.com:acme are at acme.example.com
    return account.endswith(f"@{home}.iam.gserviceaccount.com") or account == f"{home}@appspot.gserviceaccount.com"


ProjectId = Annotated[str, Text(_PROJECT, "must be a project's id, such as acme-billing or example.com:acme-billing")]
ExportTable = Annotated[str, _EXPORT_TABLE, AfterValidator(table_name)]
AccountEmail = Annotated[
    str,
    Text(
        r"[a-z0-9][a-z0-9.-]{0,62}@[a-z0-9.:-]{1,100}\.gserviceaccount\.com",
        "must be a service account's address, which ends in .gserviceaccount.com",
    ),
]
