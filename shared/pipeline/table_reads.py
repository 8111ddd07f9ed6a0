"""Finds the tables that a statement reads, and whether each read is limited to the run's source and days.

This is no SQL parser. It splits the text into tokens, and knows what can follow FROM, JOIN and a comma between tables.
Text that it does not understand counts as a read of a forbidden table, so a doubtful statement is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|\#[^\n]*|/\*.*?\*/)
    |(?P<text>[rRbB]{0,2}(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"))
    |(?P<sign>`[^`]*`|\{\w+\}|@*\w+|\|>|.)""",
    re.VERBOSE | re.DOTALL,
)
_NAMED = re.compile(r"(?i)(?:\bWITH\b(?:\s+RECURSIVE\b)?|,)\s*`?(\w+)`?\s+AS\s*\(")
_PLAIN = re.compile(r"\w+|`\w+`")
_ENDS_FROM = frozenset({"where", "group", "having", "qualify", "window", "order", "limit"})
_FUNCTIONS_IN = frozenset(["net", "keys", "aead", "hll_count", "kll_quantiles"])  # groups of BigQuery's own functions
CHANGES = frozenset(["insert", "update", "delete", "merge", "create", "drop", "alter", "truncate", "export"])
CHANGES |= {"load", "call", "execute", "begin", "declare", "set"}


@dataclass(frozen=True)
class Read:
    """The tables of the tenant's dataset that one SELECT reads, and its conditions on source and days."""

    tables: Sequence[str]
    sources: int
    days: int
    has_or: bool
    has_single_day: bool


@dataclass
class _Level:
    """The text between two parentheses, and the SELECT in it that is being read."""

    opener: str
    wants_table: bool = False
    is_query: bool = False
    in_from: bool = False
    in_condition: bool = False
    tables: list[str] = field(default_factory=list)
    sources: int = 0
    days: int = 0
    has_or: bool = False
    has_single_day: bool = False

    def read(self) -> Read:
        return Read(tuple(self.tables), self.sources, self.days, self.has_or, self.has_single_day)


def names_given(texts: Collection[str]) -> set[str]:
    """The names that WITH clauses define, in lower case. Comments and strings are ignored."""
    return {name for text in texts for name in _names_in(text)}


@lru_cache(maxsize=512)
def _names_in(text: str) -> frozenset[str]:
    return frozenset(name.lower() for name in _NAMED.findall(" ".join(_tokens(text))))


def _tokens(text: str) -> list[str]:
    found = (match for match in _TOKEN.finditer(text) if match.lastgroup != "space")
    return ["''" if match.lastgroup == "text" else match.group() for match in found]


def foreign_tables(text: str, named: Collection[str]) -> list[str]:
    """The tables and actions of a statement besides `{dataset}.table`, `{step}`, names of a WITH and UNNEST."""
    foreign, _ = _read(text, frozenset(named))
    return list(dict.fromkeys(foreign))


def dataset_reads(text: str) -> list[Read]:
    """Each SELECT of a statement that reads the tenant's dataset."""
    _, reads = _read(text, frozenset(names_given([text])))
    return [read for read in reads if read.tables]


@lru_cache(maxsize=512)
def _read(text: str, named: frozenset[str]) -> tuple[Sequence[str], Sequence[Read]]:
    """The foreign tables that a statement reads, and its SELECTs. It is cached, because a run needs it often."""
    reader = _Reader(text, named)
    reader.run()
    return tuple(reader.foreign), tuple(reader.reads)


class _Reader:
    def __init__(self, text: str, named: Collection[str]) -> None:
        self.tokens = _tokens(text)
        self.named = named
        self.levels = [_Level("")]
        self.reads: list[Read] = []
        self.foreign: list[str] = []
        self.place = 0

    def run(self) -> None:
        if self._at(0).lower() in CHANGES:
            self.foreign.append(self._at(0))
        while self.place < len(self.tokens):
            self._step()
        while self.levels:
            self.reads.append(self.levels.pop().read())

    def _at(self, offset: int) -> str:
        place = self.place + offset
        return self.tokens[place] if 0 <= place < len(self.tokens) else ""

    def _step(self) -> None:
        level, sign, word = self.levels[-1], self._at(0), self._at(0).lower()
        if sign == "(":
            self._call()
            opener = self._at(-1).lower()
            inner = _Level(opener, wants_table=level.wants_table, in_condition=self._continues(level, opener))
            inner.in_from, level.wants_table = level.wants_table, False
            self.levels.append(inner)
        elif sign == ")" and len(self.levels) > 1:
            self._close()
        elif level.wants_table and word not in {"select", "with", "from"}:
            level.wants_table = False
            self._table(level)
            return
        elif sign == "|>" or (sign == ";" and self._at(1)):
            self.foreign.append(sign)
        else:
            self._word(level, sign, word)
        self.place += 1

    def _call(self) -> None:
        """Check a call of a function whose name has dots: BigQuery's own and the tenant's dataset's are allowed."""
        start = -1
        while self._at(start - 1) == ".":
            start -= 2
        parts = [self._at(place) for place in range(start, 0, 2)]
        if parts[0].lower() == "safe":
            parts = parts[1:]
        is_own = len(parts) == 1 and "." not in parts[0]
        is_own |= len(parts) == 2 and (parts[0] == "{dataset}" or parts[0].lower() in {*_FUNCTIONS_IN, ")", "]"})
        if not is_own:
            self.foreign.append(".".join(parts) + "()")

    @staticmethod
    def _continues(level: _Level, opener: str) -> bool:
        """Whether the text in the parentheses is a condition that every row of the SELECT must meet."""
        return level.in_condition and opener in {"where", "on", "and", "("}

    def _word(self, level: _Level, sign: str, word: str) -> None:
        before = self._at(-1).lower()
        if word == "select":
            level.is_query, level.wants_table, level.in_from, level.in_condition = True, False, False, False
        elif word == "with" and level.wants_table:
            level.wants_table = level.in_from = False
        elif word == "from":
            if not (before == "distinct" and self._at(-2).lower() in {"is", "not"}) and (
                level.is_query or level.opener != "extract"
            ):
                level.is_query = level.wants_table = level.in_from = True
        elif word == "join" or (sign == "," and level.in_from):
            level.wants_table = level.in_from = True
            level.in_condition = False
        elif word in {"union", "intersect"} or (word == "except" and self._at(1).lower() in {"all", "distinct"}):
            self.reads.append(level.read())
            self.levels[-1] = _Level(level.opener, is_query=level.is_query)
        elif word in _ENDS_FROM and before != ".":
            level.in_from, level.in_condition = False, word == "where"
        elif word == "on":
            level.in_condition = True
        elif level.in_condition:
            self._condition(level, word)

    def _condition(self, level: _Level, word: str) -> None:
        around = [self._at(offset).lower() for offset in (-1, 1, 2, 3, 4)]
        is_source = {around[0], around[1]} == {"x_source", "@source"}
        is_source |= around[0] == "@source" and around[2:4] == [".", "x_source"]
        if word == "or":
            level.has_or = True
        elif word == "=" and is_source:
            level.sources += 1
        elif word == "in" and around[0] != "not" and around[1:] == ["unnest", "(", "@dates", ")"]:
            level.days += 1
        elif word == "@dates" and around[1] == "[":
            level.has_single_day = True

    def _table(self, level: _Level) -> None:
        """The table after FROM or JOIN: its name, its parts, and whether it may be read."""
        parts = [self._at(0)]
        self.place += 1
        while self._at(0) in {".", "-"}:
            parts += [self._at(0), self._at(1)]
            self.place += 2
        is_call = self._at(0) == "("
        if len(parts) == 3 and parts[:2] == ["{dataset}", "."] and _PLAIN.fullmatch(parts[2]) and not is_call:
            level.tables.append(parts[2].strip("`"))
        elif not self._is_own(parts, is_call=is_call):
            self.foreign.append("".join(parts) + "()" * is_call)

    def _is_own(self, parts: Sequence[str], *, is_call: bool) -> bool:
        first = parts[0]
        if len(parts) > 1:
            return False
        if is_call:
            return first.lower() == "unnest"
        is_placeholder = first.startswith("{") and first not in {"{dataset}", "{"}
        return is_placeholder or (bool(_PLAIN.fullmatch(first)) and first.strip("`").lower() in self.named)

    def _close(self) -> None:
        inner = self.levels.pop()
        outer = self.levels[-1]
        if inner.is_query:
            self.reads.append(inner.read())
            return
        outer.tables += inner.tables  # tables joined in parentheses belong to the outer SELECT
        outer.has_single_day |= inner.has_single_day
        if inner.in_condition and not inner.has_or:
            outer.sources += inner.sources
            outer.days += inner.days


def problems_of_reads(text: str, published: Collection[str]) -> Iterator[tuple[str, str]]:
    """By table, why a read of published rows would include rows of another source or of days outside the run."""
    for read in dataset_reads(text):
        tables = [table for table in read.tables if table in published]
        if not tables:
            continue
        missing = []
        if read.sources < len(tables):
            each = "" if len(tables) == 1 else ", once for each of its tables"
            missing.append(f"x_source = @source{each}")
        if not read.days:
            missing.append("a day IN UNNEST(@dates)")
        if missing:
            yield tables[0], f"the SELECT must have in its WHERE: {', and '.join(missing)}"
        elif read.has_or:
            yield tables[0], "an OR beside its conditions on x_source and @dates undoes them; write it in parentheses"
        elif read.has_single_day:
            yield tables[0], "reads one day of @dates, and a publish replaces all of them"
