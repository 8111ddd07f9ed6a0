"""Describes a recorded case, and compares an answer with the recorded one."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
from dataclasses import dataclass
from typing import Any

from devcloud.bigquery.jobs.job import Outcome
from devcloud.bigquery.model import BigQueryError, Json

RIGHT, REFUSED, OTHER_ERROR, WRONG = "right", "refused by name", "other error", "silently wrong"


@dataclass(frozen=True)
class Case:
    """One recorded question and its answer."""

    name: str
    setup: str
    query: str
    configuration: Json
    parameters: Json
    expected: Json


@dataclass(frozen=True)
class Verdict:
    """The result of one case."""

    case: Case
    outcome: str
    detail: str = ""


def judge_error(case: Case, error: BigQueryError) -> Verdict:
    expected = case.expected.get("error")
    if expected and (error.reason, error.status) == (expected["reason"], expected["http_status"]):
        return Verdict(case, RIGHT)
    outcome = REFUSED if error.reason == "notImplemented" else OTHER_ERROR
    return Verdict(case, outcome, f"{error.reason}: {error.message}")


def judge_answer(case: Case, outcome: Outcome, fields: list[Json], rows: list[dict[str, Any]]) -> Verdict:
    if "error" in case.expected:
        return Verdict(case, WRONG, f"no error; expected {case.expected['error']['message_sample']}")
    shown, wanted = [_shape(field) for field in fields], [_shape(field) for field in case.expected["schema"]]
    if shown != wanted:
        return Verdict(case, WRONG, f"schema {shown} is not {wanted}")
    detail = _metadata_problem(case.expected.get("job_metadata") or {}, outcome)
    if detail:
        return Verdict(case, WRONG, detail)
    expected = case.expected["rows"]
    ordered = "ORDER BY" in case.query.upper()
    if not _same_rows(rows, expected, ordered=ordered):
        return Verdict(case, WRONG, f"rows {rows} are not {expected}"[:600])
    return Verdict(case, RIGHT)


def _shape(field: Json) -> tuple[object, ...]:
    return field["name"], field["type"], field["mode"], tuple(_shape(inner) for inner in field.get("fields") or ())


def _metadata_problem(wanted: Json, outcome: Outcome) -> str:
    query = outcome.statistics.get("query", {})
    found = {
        "statement_type": query.get("statementType"),
        "ddl_operation_performed": query.get("ddlOperationPerformed"),
        "num_dml_affected_rows": int(query["numDmlAffectedRows"]) if "numDmlAffectedRows" in query else None,
    }
    for key, value in found.items():
        if key in wanted and wanted[key] != value:
            return f"{key} {value} is not {wanted[key]}"
    return ""


def _same_rows(left: list[dict[str, Any]], right: list[dict[str, Any]], *, ordered: bool) -> bool:
    if len(left) != len(right):
        return False
    if not ordered:
        left, right = sorted(left, key=_sort_key), sorted(right, key=_sort_key)
    return all(_same(a, b) for a, b in zip(left, right, strict=True))


def _sort_key(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=str)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, float) and isinstance(right, (int, float)):
        return math.isclose(left, right, rel_tol=1e-14) or (math.isnan(left) and math.isnan(right))
    return type(left) is type(right) and bool(left == right)


def plain(value: Any, field: Json) -> Any:
    """The value as the recording wrote it down."""
    if value is None:
        return None
    if isinstance(value, list):
        return [plain(item, field | {"mode": "NULLABLE"}) for item in value]
    if isinstance(value, dict):
        return {inner["name"]: plain(value[inner["name"]], inner) for inner in field["fields"]}
    if field["type"] == "JSON":
        return json.dumps(json.loads(value))
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, decimal.Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, float) and not math.isfinite(value):
        return value
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value
