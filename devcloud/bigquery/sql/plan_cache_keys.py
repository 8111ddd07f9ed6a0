"""Replaces tables' names in a statement, so that statements which differ only in these names share a plan.

Every run of a pipeline has staging tables with new names but the same statements, and binding a long statement takes
longer than running it. A placeholder is as long as the name, so that positions in error messages stay right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from devcloud.bigquery.columns import physical_name
from devcloud.bigquery.model import Json, TableRef
from devcloud.bigquery.sql.plan import Plan

_APART = r"""'''.*?'''|\"{3}.*?\"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|--[^\n]*|\#[^\n]*|/\*.*?\*/"""
_QUOTED = re.compile(_APART, re.DOTALL)
# The pattern skips quotes and comments, and a FROM that no table follows.
_PATH = re.compile(
    _APART + r"""|\bEXTRACT\s*\(\s*\w+\s+FROM\b|\bDISTINCT\s+FROM\b"""
    r"""|\b(?:FROM|JOIN|INTO|UPDATE|MERGE|USING)\s+"""
    r"""(?P<path>`(?:(?P<project>[\w-]+)`?\.`?)?(?!INFORMATION_SCHEMA\b)(?P<dataset>\w+)`?\.`?"""
    r"""(?P<table>\w[\w$-]*(?=`)|\w+(?![\w$`-]))`?)(?!\s*\.)""",
    re.DOTALL | re.IGNORECASE,
)
_BEFORE_TABLE = frozenset(["from", "join", "into", "update", "merge", "using"])
# DDL keeps its text, which a view stores.
_DDL = re.compile(r"\b(?:CREATE|ALTER|DROP)\b", re.IGNORECASE)
_IDENTITY = frozenset(["id", "tableReference", "creationTime", "lastModifiedTime", "expirationTime", "etag", "labels"])


@dataclass(frozen=True)
class Lifted:
    """A statement or script with placeholders for table names; `tables` has the table of each placeholder."""

    text: str
    tables: Mapping[str, TableRef] = field(default_factory=dict)


@lru_cache(maxsize=1024)
def lift(sql: str, project: str) -> Lifted:
    """The text with placeholders for table names; a name without a project means a table of `project`.

    A name that also occurs elsewhere in the text stays, because it may refer to its table there.
    """
    if _DDL.search(sql):
        return Lifted(sql)
    lowered = sql.lower()
    paths = [match for match in _PATH.finditer(sql) if (match["path"] or "`").count("`") % 2 == 0]
    datasets = {match["dataset"].lower() for match in paths if not match["project"]}
    aliases = {name for name in datasets if _is_alias(name, lowered)}
    found = [(m, _named(m, project)) for m in paths if m["project"] or m["dataset"].lower() not in aliases]
    times = Counter(ref.table.lower() for _, ref in found)
    several = Counter(ref.table.lower() for ref in {ref for _, ref in found})
    bare = _QUOTED.sub("''", lowered)
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


def _is_alias(dataset: str, lowered: str) -> bool:
    """Whether `dataset`.`table` may be an array of a range variable: `dataset` also follows AS or a FROM item."""
    for at in _places(lowered, dataset):
        before = at - 1 if lowered[at - 1 : at] == "`" else at
        end = before
        while end and lowered[end - 1].isspace():
            end -= 1
        if end == before:
            continue
        start = end
        while _is_word(lowered, start - 1):
            start -= 1
        if lowered[end - 1 : end] in ("`", ")") or (start < end and lowered[start:end] not in _BEFORE_TABLE):
            return True
    return False


def _mentions(lowered: str, table: str) -> int:
    return sum(1 for at in _places(lowered, table) if not _is_word(lowered, at - 1))


def _places(lowered: str, name: str) -> Iterator[int]:
    """The positions where the name ends a word. (A regular expression would have to be compiled for each name.)"""
    at = lowered.find(name)
    while at >= 0:
        if not _is_word(lowered, at + len(name)):
            yield at
        at = lowered.find(name, at + 1)


def _is_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and (text[at].isalnum() or text[at] == "_")


def _named(match: re.Match[str], project: str) -> TableRef:
    return TableRef(match["project"] or project, match["dataset"], match["table"])


def alike(one: Json, other: Json) -> bool:
    """Whether the resources of two tables are equal in everything on which a plan depends."""
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
