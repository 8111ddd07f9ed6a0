"""Values that Python reads and BigQuery does not are refused by field in every kind of request."""

from __future__ import annotations

import pytest

from devcloud.bigquery.jobs.sources import _object
from devcloud.bigquery.values import Reading, ValueProblem, row_decoder

UNREADABLE = [
    ("STRING", "\ud800"),
    ("JSON", {"a": "\ud800"}),
    ("JSON", {"a": [12345678901234567890123]}),
    ("JSON", -(2**63) - 1),
    ("JSON", float("nan")),
    ("INTEGER", "1_000"),
    ("INTEGER", "\u0661"),
    ("FLOAT", "1_0.5"),
    ("FLOAT", "\uff11"),
    ("NUMERIC", "1_0"),
    ("NUMERIC", "\u0661.5"),
    ("DATE", "\u0662\u0660\u0662\u0666-01-01"),
    ("TIME", "\u0661:02:03"),
]


@pytest.mark.parametrize(("kind", "value"), UNREADABLE)
def test_a_value_that_bigquery_does_not_read_is_refused_by_field(kind: str, value: object) -> None:
    decode = row_decoder([{"name": "v", "type": kind, "mode": "NULLABLE"}], Reading())
    with pytest.raises(ValueProblem, match=f"Could not convert value to {kind.lower()}. Field: v"):
        decode({"v": value})


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ({"b": 1, "a": {"d": 1, "c": 1.5}}, '{"a":{"c":1.5,"d":1},"b":1}'),
        ("12345678901234567890123", '"12345678901234567890123"'),
        ([2**64 - 1, -(2**63)], "[18446744073709551615,-9223372036854775808]"),
    ],
)
def test_json_is_stored_in_its_normal_form(value: object, stored: str) -> None:
    decode = row_decoder([{"name": "v", "type": "JSON", "mode": "NULLABLE"}], Reading())
    assert decode({"v": value}) == {"v": stored}


@pytest.mark.parametrize("line", [b'{"a": ' + b"9" * 5000 + b"}", b'{"a": ' * 50_000, b"\xff", b'{"a": 1'])
def test_a_line_that_is_no_json_is_a_problem_of_the_data(line: bytes) -> None:
    with pytest.raises(ValueProblem, match="Parser terminated"):
        _object(line)
