"""A member of a JSON object is found under any name, such as the key of a tag that a tenant chose."""

from __future__ import annotations

import json

import pytest

from tests.support.devcloud.warehouse import Warehouse

MEMBER = "SELECT JSON_VALUE(PARSE_JSON(@document)[@name])"


@pytest.mark.parametrize(
    "name", ["", "a", "\\", 'a"b\\', "\\u0041", "a.b", "[0]", "$", "*", "~", "~1", "a/b", "0", "é"]
)
def test_a_member_is_found_under_any_name(warehouse: Warehouse, name: str) -> None:
    for document, value in (({"b": 1, name: "found"}, "found"), ({"b": 1}, None), (["found"], None), ("found", None)):
        values = {"document": ("STRING", json.dumps(document)), "name": ("STRING", name)}
        assert warehouse.value(MEMBER, **values) == value
