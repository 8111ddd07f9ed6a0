"""Elements of a JSON array in a text are read like whole documents."""

from __future__ import annotations

from typing import Any

import pytest

from devcloud.bigquery.model import BigQueryError
from tests.support.devcloud.warehouse import Warehouse

QUESTION = "SELECT JSON_VALUE(v, '$.a'), JSON_QUERY(v, '$.b'), v FROM UNNEST(JSON_QUERY_ARRAY(@text)) AS v"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('[{"a": "0.12345678901234567", "b": [1, {"c": null}]}]',
         [("0.12345678901234567", '[1,{"c":null}]', '{"a":"0.12345678901234567","b":[1,{"c":null}]}')]),
        ('[null, "{}", 3]', [(None, None, None), (None, None, '"{}"'), (None, None, "3")]),
        ("no JSON", []),
    ],
)  # fmt: skip
def test_elements_are_read_like_documents(warehouse: Warehouse, text: str, rows: list[Any]) -> None:
    assert warehouse.rows(QUESTION, text=("STRING", text)) == rows


@pytest.mark.parametrize(
    "question", [QUESTION, "SELECT ARRAY(SELECT JSON_VALUE(v, '$.a') FROM UNNEST(JSON_QUERY_ARRAY(@text)) AS v)"]
)
def test_a_number_that_would_not_keep_its_digits_is_refused_in_elements_too(
    warehouse: Warehouse, question: str
) -> None:
    with pytest.raises(BigQueryError, match="JSON numbers of so many digits"):
        warehouse.rows(question, text=("STRING", '[{"a": {"c": 0.1234567890123456789}}]'))
