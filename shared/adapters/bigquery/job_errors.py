"""Turns BigQuery's errors into the product's, without BigQuery's text, which names projects, datasets and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from google.api_core import exceptions as google

from shared import errors
from shared.adapters.google.error_table import BIGQUERY, FAILURES, Course, last_of, meaning_of, reasons

_ABORTED = re.compile(
    r"aborted due to concurrent update|Could not serialize access|Too many DML statements outstanding", re.IGNORECASE
)
_ASSERTION = re.compile(r"Assertion failed(?:: (?P<asserted>[^;\n]+))?|Refused: (?P<refused>[A-Z_]+)")
_MISSING = re.compile(r"Not found: (?P<kind>Table|Dataset|Job|Routine)\b *(?P<name>[^\s;,]*)")
# Errors that a value in the rows causes. Such a text names the value, and its column and row if BigQuery knows them. It
# names nothing of the platform's. https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_rules
_OF_A_VALUE = re.compile(
    r"(?:(?i:division by zero|[a-z0-9]+ (?:overflow|out of range)|floating point error)\b"
    r"|Bad \w+ value\b|Invalid (?:NUMERIC|BIGNUMERIC|date|datetime|time|timestamp|interval|JSON|range|bool\w*) value\b"
    r"|(?:Could not|Cannot) (?:cast|convert|parse)\b|Failed to parse\b|Array index \S+ is out of bounds\b"
    r"|Illegal conversion of non-finite\b|Required field \w+ cannot be null"
    r"|Scalar subquery produced more than one element\b"
    r"|Error while reading data, error message:|Value has type \w+ which cannot be inserted into column)[^;\n`]{0,200}"
)
_REASONS_OF_VALUES = frozenset({"invalid", "invalidQuery"})
_TOO_MANY_BYTES = "bytesBilledLimitExceeded"


class Missing(errors.JobFailed):
    """A job does not exist, or a dataset or table that it needs."""

    def is_in(self, dataset: str) -> bool:
        """Whether the dataset itself is missing, or a table of it."""
        return re.search(rf":{re.escape(dataset)}\b", self.raw) is not None

    def is_table(self, dataset: str, table: str) -> bool:
        """Whether this table is missing."""
        return re.search(rf":{re.escape(dataset)}\.{re.escape(table)}\b", self.raw) is not None


class InvalidStatement(errors.JobFailed):
    """BigQuery refuses the statement, whatever rows it would read."""


class AssertionFailed(errors.JobFailed):
    """A statement stopped by an ASSERT or an ERROR; `message` is its text."""


class UnknownColumn(errors.JobFailed):
    """BigQuery refused rows because they have a column that it does not know, or does not know yet."""


class DuplicateJob(errors.ConvergenceError):
    """A job with this id exists, even if BigQuery does not find it for a while."""


@contextmanager
def translated() -> Iterator[None]:
    """Translates Google's exceptions in the block into the product's errors."""
    try:
        yield
    except FAILURES as error:
        failure = _as_error(error)
        raise failure from error


def _as_error(error: Exception) -> errors.ConvergenceError:
    message, meaning = str(getattr(error, "message", error)), meaning_of(error)
    if _ABORTED.search(message):
        return errors.TransactionAborted()
    if _TOO_MANY_BYTES in reasons(error):
        return errors.BytesLimitExceeded(message)
    if meaning is BIGQUERY["accessDenied"]:
        return errors.AccessDenied(in_words(error), raw=message, retry_after=meaning.pause_seconds)
    if meaning.course is Course.WAIT:
        return errors.Throttled(in_words(error), retry_after=meaning.pause_seconds)
    if meaning.is_outage or isinstance(error, google.RetryError):
        return errors.Unavailable(retry_after=meaning.pause_seconds)
    return _failed(error, message, is_final=meaning.course is Course.FAIL)


def _failed(error: Exception, message: str, *, is_final: bool) -> errors.JobFailed:
    if isinstance(error, google.NotFound):
        return Missing(in_words(error), raw=message)
    if assertion := _ASSERTION.search(message):
        return AssertionFailed(assertion["asserted"] or assertion["refused"] or "")
    return errors.JobFailed(in_words(error), raw=message, is_final=is_final)


def refused_rows(table: str, failed: Sequence[Mapping[str, Any]]) -> errors.JobFailed:
    """The error for the insertErrors of a streaming request. "stopped" rows failed only because others did."""
    found = [problem for row in failed for problem in row["errors"] if problem.get("reason") != "stopped"]
    unknown = bool(found) and all(str(problem.get("message")).startswith("no such field") for problem in found)
    kind = UnknownColumn if unknown else errors.JobFailed
    return kind(f"{table}: rows were refused: {found or failed[0]['errors']}")


def says_missing(error: Exception, kind: str) -> bool:
    """Whether BigQuery's error says that the "Job", "Dataset" or "Table" does not exist."""
    missing = _MISSING.search(str(getattr(error, "message", error)))
    return isinstance(error, google.NotFound) and missing is not None and missing["kind"] == kind


def in_words(error: Exception) -> str:
    """An error's reason and meaning as text.

    Of BigQuery's own text it keeps only the name of a missing table, or what is wrong with a value.
    """
    cause = last_of(error)
    text = str(getattr(cause, "message", cause))
    if missing := _MISSING.search(text):
        kind = missing["kind"].lower()
        bare = re.split(r"[.:]", missing["name"].strip("`"))[-1] if kind == "table" else ""
        return f"BigQuery: notFound, {' '.join(filter(None, [kind, bare]))} does not exist"
    reason = next(filter(None, reasons(cause)), "")
    of_a_value = _OF_A_VALUE.search(text) if reason in _REASONS_OF_VALUES else None
    words = of_a_value[0].strip() if of_a_value else meaning_of(cause).words
    return f"BigQuery: {reason}, {words}" if reason else f"BigQuery: {words}"
