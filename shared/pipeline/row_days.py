"""Checks how a published row's day is computed: a row must not cover more days than the template's grain.

The SQL is not parsed. The expression of the day's column is found by the column's name. The columns in that expression
are then found the same way, through the parts of the statement and the steps that it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.domain.templates.config_problems import Place
from shared.domain.templates.grain import Grain
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import Target, Template
from shared.pipeline.statements import step_statement, steps_read

_COMMENT = re.compile(r"--[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_TRUNCATED = re.compile(r"\b(?:DATE|DATETIME|TIMESTAMP)_TRUNC\s*\(", re.IGNORECASE)
_LAST_DAY = re.compile(r"\bLAST_DAY\s*\(", re.IGNORECASE)
_FORMAT = re.compile(r"\b(?:FORMAT|PARSE)_(?:DATE|DATETIME|TIMESTAMP)\s*\(\s*r?['\"](?P<format>[^'\"]*)", re.IGNORECASE)
_CAST_FORMAT = re.compile(r"\bFORMAT\s+['\"](?P<format>[^'\"]*)['\"]", re.IGNORECASE)
_EXTRACTED = re.compile(r"\bEXTRACT\s*\(\s*(?P<part>[A-Z]+)", re.IGNORECASE)
_SHIFTED = re.compile(r"(?:\bINTERVAL\b[^,]*|-\s*\(?\s*)\bEXTRACT\s*\(\s*(?P<part>[A-Z]+)", re.IGNORECASE)
_CUT = re.compile(r"\b(?:SUBSTR|SUBSTRING|LEFT)\s*\(.*,\s*(?P<length>[47])\s*\)", re.IGNORECASE | re.DOTALL)
_INVOICED = re.compile(r"\binvoice[._]month\b|\bBillingPeriod(?:Start|End)\b", re.IGNORECASE)
_AGGREGATED = re.compile(r"\b(?:MIN|MAX|ANY_VALUE)\s*\(", re.IGNORECASE)
_OF_THE_RUN = re.compile(r"@(?:dates|snapshot_at)\b|\bCURRENT_(?:DATE|TIMESTAMP|DATETIME)\b", re.IGNORECASE)
_WORD = re.compile(r"(?<![@\w'\"])[A-Za-z_]\w*(?!\s*\()")
_WEEKS, _MONTHS = frozenset({"WEEK", "ISOWEEK"}), frozenset({"MONTH"})
_LONGER = frozenset({"QUARTER", "YEAR", "ISOYEAR"})
_COARSE = _WEEKS | _MONTHS | _LONGER
_NO_COLUMNS = _COARSE | {"DAY", "DATE", "TIMESTAMP", "INTERVAL", "AS", "FROM", "STRING", "HOUR"}
_DAY_FORMATS = re.compile(r"%[EO]?[a-zA-Z]*?[dejFDxc]|%[EO]?[dejFDxcs]|DD")
_SHIFTED_BY = {"DAY": "MONTH", "DAYOFWEEK": "WEEK", "DAYOFYEAR": "YEAR"}
_BEGINS = re.compile(r"\b(?:SELECT|DISTINCT|ALL|STRUCT)\b", re.IGNORECASE)
_NO_EXPRESSION = re.compile(r"\b(?:FROM|JOIN|WHERE|BY|WITH|HAVING|QUALIFY)\b", re.IGNORECASE)


@dataclass(frozen=True)
class CoarseDay:
    """A day column that represents a longer period: a `part` of the calendar, or RUN. `expression` computes it."""

    target: Target
    statement: str
    expression: str
    part: str

    def problem(self, grain: Grain) -> str | None:
        """The problem for a template of this grain, or None if the grain is as long as the period."""
        fact = f"{self.target.date_column} of {self.target.table} is the {_PARTS.get(self.part, self.part.lower())}"
        made = f"{fact}, by {self.expression}"
        if self.part == "RUN":
            return f"{made}: a row's day must come from the rows, or another run would not replace it"
        if self.part == "INVOICE":
            problem = f"{made}: an invoice has usage of days in other months; use the day of the usage"
            return None if grain == "billing_period" else problem
        if self.part == "SPAN":
            return None if grain != "day" else f"{made}: with grain day, group by the day instead"
        if self.part in _MONTHS:
            return None if grain != "day" else f"{made}: a run of one day would replace all of it; set grain: month"
        if self.part in _WEEKS:
            return f"{made}: a week can lie in two months; use a day or a month"
        return f"{made}: that is longer than any grain; use a day or a month"


_PARTS = {
    "RUN": "day of a run",
    "INVOICE": "month of an invoice",
    "SPAN": "first or last of many days",
    "ISOWEEK": "week",
    "ISOYEAR": "year",
}


def grain_problems(template: Template) -> Iterator[tuple[Place, str]]:
    """The places in the template where a publish would replace days that the run did not read."""
    for index, target in enumerate(template.publish):
        for found in coarse_days(template, target):
            if problem := found.problem(template.grain):
                yield ("publish", index, "date_column"), problem
                break


def coarse_days(template: Template, target: Target) -> Iterator[CoarseDay]:
    """The columns of a target whose day represents several days, as far as column names show."""
    texts = dict(_texts(template, target.step))
    asked, seen, extracting = [target.date_column], set[str](), list[tuple[str, str]]()
    while asked:
        column = asked.pop(0)
        if column.lower() in seen:
            continue
        seen.add(column.lower())
        for name, text in texts.items():
            for expression in _expressions(text, column):
                if part := _part(expression):
                    yield CoarseDay(target, name, " ".join(expression.split()), part)
                if _EXTRACTED.search(expression):
                    extracting.append((name, " ".join(expression.split())))
                asked += [word for word in _WORD.findall(expression) if word.upper() not in _NO_COLUMNS]

    # An expression of a year, a month and a day gives one day, whatever columns they come from.
    extracted = {match["part"].upper() for _, expression in extracting for match in _EXTRACTED.finditer(expression)}
    if extracted & _COARSE and not extracted & _SHIFTED_BY.keys():
        yield CoarseDay(target, *extracting[0], "MONTH" if "MONTH" in extracted else "YEAR")


def _texts(template: Template, step_id: str) -> Iterator[tuple[str, str]]:
    """The SQL of a step and of the sql steps that it reads, without comments, by statement."""
    steps = {step.id: step for step in template.steps if isinstance(step, SqlStep)}
    if step := steps.get(step_id):
        statement = step_statement(template, step)
        yield statement.name, _COMMENT.sub(" ", statement.text)
        for read in sorted(steps_read(statement)):
            yield from _texts(template, read)


def _expressions(text: str, column: str) -> Iterator[str]:
    """The expression before each `AS column`, back to the comma or keyword that begins it."""
    for match in re.finditer(rf"(?:\bAS\s+|(?<=\))\s*)`?{re.escape(column)}\b`?(?!\s*\()", text, re.IGNORECASE):
        start, depth = match.start(), 0
        while start > 0:
            sign = text[start - 1]
            depth += (sign == ")") - (sign == "(")
            if depth < 0 or (depth == 0 and sign == ","):
                break
            start -= 1
        expression = text[start : match.start()]
        opened = [begin for begin in _BEGINS.finditer(expression) if _is_outside(expression, begin.start())]
        expression = expression[opened[-1].end() if opened else 0 :].strip()
        if not any(_is_outside(expression, word.start()) for word in _NO_EXPRESSION.finditer(expression)):
            yield expression


def _is_outside(text: str, place: int) -> bool:
    return text.count("(", 0, place) == text.count(")", 0, place)


def _part(expression: str) -> str | None:
    """The longest part of the calendar to which an expression truncates its days; RUN if it uses no day of the rows."""
    if _INVOICED.search(expression):
        return "INVOICE"
    parts = {_second_argument(expression, match.end()) for match in _TRUNCATED.finditer(expression)}
    parts |= {_second_argument(expression, match.end()) or "MONTH" for match in _LAST_DAY.finditer(expression)}
    formats = [match["format"] for found in (_FORMAT, _CAST_FORMAT) for match in found.finditer(expression)]
    if formats and not all(_DAY_FORMATS.search(text) for text in formats):
        parts.add("MONTH" if any(re.search(r"%[EO]?[mbBh]|MM|MON", text) for text in formats) else "YEAR")
    if cut := _CUT.search(expression):
        parts.add("MONTH" if cut["length"] == "7" else "YEAR")
    shifted = {match["part"].upper() for match in _SHIFTED.finditer(expression)}
    parts |= {_SHIFTED_BY[part] for part in shifted & _SHIFTED_BY.keys()}
    for longest in (_LONGER, _MONTHS, _WEEKS):
        if found := sorted(parts & longest):
            return found[0]
    if _OF_THE_RUN.search(expression):
        return "RUN"
    return "SPAN" if _AGGREGATED.search(expression) else None


def _second_argument(expression: str, start: int) -> str:
    """The first word of the second argument of a call, in capitals. The arguments of the call begin at `start`."""
    depth = 0
    for place, sign in enumerate(expression[start:], start=start):
        if sign == "," and depth == 0:
            word = re.match(r"\s*(\w+)", expression[place + 1 :])
            return word[1].upper() if word else ""
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
    return ""
