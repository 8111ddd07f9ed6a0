"""Names of WITH clauses are found whatever stands before them, and none in comments or texts."""

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
def test_names_are_given_by_the_statement_and_not_by_its_comments_or_texts(text: str, names: set[str]) -> None:
    assert names_given([text]) == names


def test_a_name_that_only_a_comment_gives_is_a_foreign_table() -> None:
    text = "SELECT 1 FROM hidden /* , hidden AS ( */"
    assert foreign_tables(text, names_given([text])) == ["hidden"]


def test_templates_are_found_in_a_project_whose_folder_is_called_as_a_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = tmp_path / "gcp" / "configs"
    template = configs / "gcp" / "cost" / "billing.yml"
    template.parent.mkdir(parents=True)
    for file in (template, configs / "platform.yml"):
        file.write_text("{}\n")
    monkeypatch.setattr(validation, "CONFIGS", configs)
    assert validation.all_template_files() == [template]
