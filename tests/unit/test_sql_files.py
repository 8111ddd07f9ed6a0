"""Named SQL statements are read from files, with typed parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.adapters.bigquery.sql import Statement, load_statements, placeholders
from shared.errors import ConfigError

TWO = """-- name: find_x
-- Says what it does.
-- param: id STRING
-- param: dates ARRAY<DATE>
SELECT x
FROM {tenants}.t
WHERE id = @id

-- name: count_x
-- Counts.
SELECT COUNT(*) FROM {dataset}.t
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "things.sql"
    path.write_text(text)
    return path


def test_statements_are_read_by_name_with_typed_parameters(tmp_path: Path) -> None:
    statements = load_statements(write(tmp_path, TWO))
    assert list(statements) == ["find_x", "count_x"]
    parameters = statements["find_x"].query_parameters({"id": "a", "dates": []})
    assert [parameter.to_api_repr()["parameterType"]["type"] for parameter in parameters] == ["STRING", "ARRAY"]
    assert statements["find_x"].sql(tenants="tenants").startswith("SELECT x\nFROM `tenants`.t")
    assert placeholders(statements["count_x"].text) == {"dataset"}


@pytest.mark.parametrize("values", [{}, {"id": "a"}, {"id": "a", "dates": [], "more": 1}])
def test_missing_or_surplus_values_are_refused(tmp_path: Path, values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="find_x"):
        load_statements(write(tmp_path, TWO))["find_x"].query_parameters(values)


@pytest.mark.parametrize("dataset", ["a`b", "A", "", "a.b", "a" * 64, "1a", "a;b"])
def test_only_a_dataset_name_is_ever_substituted(tmp_path: Path, dataset: str) -> None:
    with pytest.raises(ValueError, match="not a dataset name"):
        load_statements(write(tmp_path, TWO))["count_x"].sql(dataset=dataset)


@pytest.mark.parametrize("text", ["SELECT 1", TWO + "\n-- name: find_x\nSELECT 1\n"])
def test_an_unnamed_or_doubly_named_statement_is_a_config_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"things\.sql"):
        load_statements(write(tmp_path, text))


def test_a_statement_inside_another_is_indented_like_its_line() -> None:
    outer = Statement("outer", "FROM (\n  {inner}\n) AS a, ({inner})", {})
    inner = Statement("inner", "SELECT 1\n\nFROM b", {})
    assert outer.naming(inner=inner).text == "FROM (\n  SELECT 1\n\n  FROM b\n) AS a, (SELECT 1\n\nFROM b)"
    multiline = Statement("inner", "SELECT '''a\nb'''", {})
    assert outer.naming(inner=multiline).text == "FROM (\n  SELECT '''a\nb'''\n) AS a, (SELECT '''a\nb''')"
