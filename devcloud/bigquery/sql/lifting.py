"""Takes tables' names out of a statement, so that its plan serves the next one that differs in nothing else.

A pipeline asks the same of a staging table with another name in every run, and binding a long statement takes longer
than running it. A name is replaced by one of the same length: positions in error messages stay true.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from devcloud.bigquery.columns import physical_name
from devcloud.bigquery.model import Json, TableRef
from devcloud.bigquery.sql.plan import Plan

_APART = r"""'''.*?'''|\"{3}.*?\"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|--[^\n]*|\#[^\n]*|/\*.*?\*/"""
_QUOTED = re.compile(_APART, re.DOTALL)
# What is in quotes or comments is stepped over, and so is a FROM that no table follows.
_PATH = re.compile(
    _APART + r"""|\bEXTRACT\s*\(\s*\w+\s+FROM\b|\bDISTINCT\s+FROM\b"""
    r"""|\b(?:FROM|JOIN|INTO|UPDATE|MERGE|USING)\s+"""
    r"""(?P<path>`(?:(?P<project>[\w-]+)`?\.`?)?(?!INFORMATION_SCHEMA\b)(?P<dataset>\w+)`?\.`?"""
    r"""(?P<table>\w[\w$-]*(?=`)|\w+(?![\w$`-]))`?)(?!\s*\.)""",
    re.DOTALL | re.IGNORECASE,
)
# Before the name of a range variable: AS, or the table it ranges over.
_BEFORE_ALIAS = r"(?:\bAS|[`)]|\b(?!(?:FROM|JOIN|INTO|UPDATE|MERGE|USING)\b)\w+)\s+"
# DDL keeps its text, which a view stores.
_DDL = re.compile(r"\b(?:CREATE|ALTER|DROP)\b", re.IGNORECASE)
_IDENTITY = frozenset(["id", "tableReference", "creationTime", "lastModifiedTime", "expirationTime", "etag", "labels"])


@dataclass(frozen=True)
class Lifted:
    """A statement or script in which `tables` stand under other names, by lower-case name."""

    text: str
    tables: Mapping[str, TableRef] = field(default_factory=dict)


@lru_cache(maxsize=1024)
def lift(sql: str, project: str) -> Lifted:
    """The text without the names of tables, which are `project`'s unless they say otherwise.

    A name that the text also has elsewhere stays, as it may stand for its table there.
    """
    if _DDL.search(sql):
        return Lifted(sql)
    paths = [match for match in _PATH.finditer(sql) if (match["path"] or "`").count("`") % 2 == 0]
    found = [(match, _named(match, project)) for match in paths if match["project"] or not _is_alias(match, sql)]
    times = Counter(ref.table.lower() for _, ref in found)
    several = Counter(ref.table.lower() for ref in {ref for _, ref in found})
    bare = _QUOTED.sub("''", sql)
    names: dict[tuple[TableRef, int], str] = {}
    parts, at = [], 0
    for match, ref in found:
        table = ref.table.lower()
        if several[table] > 1 or _mentions(bare, table) > times[table]:
            continue
        length = len(match["path"]) - 2
        name = names.setdefault((ref, length), f"@{len(names)}_".ljust(length, "_"))
        parts += [sql[at : match.start("path")], f"`{name}`"]
        at = match.end("path")
    return Lifted("".join([*parts, sql[at:]]), {name: ref for (ref, _), name in names.items()})


def _is_alias(path: re.Match[str], sql: str) -> bool:
    """Whether `name`.`table` may be an array of the range variable `name`."""
    return re.search(rf"{_BEFORE_ALIAS}`?{path['dataset']}\b", sql, re.IGNORECASE) is not None


def _mentions(text: str, table: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(table)}(?!\w)", text, re.IGNORECASE))


def _named(match: re.Match[str], project: str) -> TableRef:
    return TableRef(match["project"] or project, match["dataset"], match["table"])


def alike(one: Json, other: Json) -> bool:
    """Whether two tables' resources differ in nothing that a plan depends on."""
    return _shape(one) == _shape(other)


def _shape(table: Json) -> Json:
    return {name: value for name, value in table.items() if name not in _IDENTITY}


def moved(plan: Plan, tables: Mapping[TableRef, TableRef], referenced: Mapping[TableRef, Json]) -> Plan:
    """The plan over other tables of the same shape."""
    texts = {physical_name(old): physical_name(new) for old, new in tables.items() if old != new}
    if not texts:
        return plan
    names = re.compile("|".join(re.escape(text) for text in texts))

    def over(sql: str) -> str:
        return names.sub(lambda match: texts[match[0]], sql)

    return replace(
        plan,
        sql=over(plan.sql),
        target=tables.get(plan.target, plan.target) if plan.target else None,
        checks=[replace(check, sql=over(check.sql)) for check in plan.checks],
        referenced=dict(referenced),
    )
