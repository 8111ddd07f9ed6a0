"""Names of WITH clauses are found after any text, and none are found in comments or strings."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.authoring import validation
from shared.pipeline.table_reads import foreign_tables, names_given


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("WITH a AS (SELECT 1),\n/*part:3*/b AS (SELECT 2) SELECT 1", {"a", "b"}),
        ("WITH a AS (SELECT 1) -- , hidden AS (\nSELECT 1", {"a"}),
        ("WITH a AS (SELECT ', hidden AS (') SELECT 1", {"a"}),
    ],
)
def test_names_in_comments_and_strings_are_not_names_of_the_statement(text: str, names: set[str]) -> None:
    assert names_given([text]) == names


def test_a_name_that_only_a_comment_has_counts_as_another_table() -> None:
    text = "SELECT 1 FROM hidden /* , hidden AS ( */"
    assert foreign_tables(text, names_given([text])) == ["hidden"]


def test_templates_are_found_in_a_project_folder_with_the_name_of_a_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = tmp_path / "gcp" / "configs"
    template = configs / "gcp" / "cost" / "billing.yml"
    template.parent.mkdir(parents=True)
    for file in (template, configs / "platform.yml"):
        file.write_text("{}\n")
    monkeypatch.setattr(validation, "CONFIGS", configs)
    assert validation.all_template_files() == [template]
