"""Errors caused by a value: reported once, with value, column and row if BigQuery names them."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions

from shared.adapters.bigquery.job_errors import translated
from shared.errors import JobFailed, StepRefused
from shared.pipeline.executor import classified

google: Any = exceptions  # its exceptions have no annotations
JOB = "\n\nLocation: EU\nJob ID: run-1-focus-abc-0\n"
OTHERWISE = "a statement is not valid, or a value is not what it expects"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("division by zero: 5 / 0", "division by zero: 5 / 0"),
        ("int64 overflow: 9223372036854775807 + 1", "int64 overflow: 9223372036854775807 + 1"),
        ("numeric overflow: 1e30", "numeric overflow: 1e30"),
        ("Invalid NUMERIC value: 1e+30", "Invalid NUMERIC value: 1e+30"),
        ("numeric out of range: 1e+30", "numeric out of range: 1e+30"),
        (
            "Illegal conversion of non-finite floating point number to numeric: nan",
            "Illegal conversion of non-finite floating point number to numeric: nan",
        ),
        ("Required field currency cannot be null", "Required field currency cannot be null"),
        ("Bad int64 value: 12a", "Bad int64 value: 12a"),
        ("Could not cast literal 'x' to type DATE", "Could not cast literal 'x' to type DATE"),
        ('Failed to parse input string "20x5"', 'Failed to parse input string "20x5"'),
        (
            "Error while reading data, error message: Bad value in column cost at row 5; File: gs://bucket/platform",
            "Error while reading data, error message: Bad value in column cost at row 5",
        ),
        ("Unrecognized name: overflowing in `platform-prod.tenants.tenant_api_keys` at [3:7]", OTHERWISE),
        ("Table `platform-prod.tenants.t` does not have a column of range", OTHERWISE),
        ("Query error: platform-prod.tenants.t has an Invalid schema", OTHERWISE),
    ],
)
def test_an_error_of_a_value_names_the_value_and_is_not_retried(text: str, message: str) -> None:
    error = google.BadRequest(text + JOB, errors=[{"reason": "invalidQuery", "message": text}])
    with pytest.raises(JobFailed) as caught, translated():
        raise error
    failure = classified(caught.value)
    assert (type(failure), failure.message) == (StepRefused, f"BigQuery: invalidQuery, {message}")
