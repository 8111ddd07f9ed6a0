"""Every template that publishes FOCUS runs the checks of FOCUS that hold for every provider."""

from __future__ import annotations

import re

from shared.adapters.bigquery.sql import load_statements
from shared.configuration.platform_config import CONFIGS
from shared.configuration.tables import get_table
from shared.configuration.templates import all_templates


def test_every_template_that_publishes_focus_includes_its_checks() -> None:
    publishing = [item for item in all_templates() if "focus_cost" in {target.table for target in item.publish}]
    assert [item.pipeline_id for item in publishing if "focus_checks" not in item.include] == []
    assert len(publishing) > 1


def test_the_check_of_repairs_counts_every_column_that_a_repair_changes() -> None:
    statements = load_statements(CONFIGS / "sql" / "focus_files.sql")
    copied = set(re.findall(r"^  line\.(\w+),$", statements["repaired_rows"].text, re.MULTILINE))
    counted = set(re.findall(r" AS (\w+),?$", statements["repairs"].text, re.MULTILINE))
    columns = {column.name for column in get_table("tenant_dataset", "focus_cost").columns if column.name[:2] != "x_"}
    assert columns - copied == counted & columns
    assert not copied & counted
