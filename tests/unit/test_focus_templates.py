"""Every template that publishes FOCUS runs the checks of FOCUS that hold for every provider."""

from __future__ import annotations

from shared.configuration.templates import all_templates


def test_every_template_that_publishes_focus_includes_its_checks() -> None:
    publishing = [item for item in all_templates() if "focus_cost" in {target.table for target in item.publish}]
    assert [item.pipeline_id for item in publishing if "focus_checks" not in item.include] == []
    assert len(publishing) > 1
