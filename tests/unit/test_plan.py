"""A step's input hash: a result is reused only for the same work on the same data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.configuration.templates import load_template
from shared.pipeline.plan import plan_steps
from tests.support.template_copies import copy_templates

SNAPSHOT = datetime(2026, 3, 1, tzinfo=UTC)


def hashes(folder: Path, *, old: str = "", new: str = "") -> dict[str, str]:
    """The hash of each step of gcp/cost/billing, copied to a folder with one text of its SQL replaced by another."""
    copy_templates(folder)
    copy = folder / "gcp"
    own = [*copy.glob("cost/billing*.sql"), *folder.glob("sql/*.sql")]
    files = [path for path in sorted(own) if old in path.read_text()]
    assert files, f"nothing says {old}"
    for path in files:
        path.write_text(path.read_text().replace(old, new))
    template = load_template(copy / "cost/billing.yml")
    assert template is not None
    planned = plan_steps(
        template,
        tenant_id="acme",
        parameters={"date": "2025-11-16"},
        source="gcp:a.b.c",
        snapshot_at=SNAPSHOT,
        watermark=None,
    )
    return {step.id: step.input_hash for step in planned}


@pytest.fixture
def unchanged(tmp_path: Path) -> dict[str, str]:
    """The hashes of the template as it is."""
    return hashes(tmp_path / "unchanged")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("> 0.000002 + (ABS(PricingQuantity)", "> 0.000003 + (ABS(PricingQuantity)", id="sql"),
        pytest.param("SUM(BilledCost) AS total", "SUM(EffectiveCost) AS total", id="reconciliation"),
        pytest.param("AS credit), 0)) AS billed_cost", "AS credit), 1)) AS billed_cost", id="matches_source"),
    ],
)
def test_checks_whose_sql_changed_are_executed_again(
    tmp_path: Path, unchanged: dict[str, str], old: str, new: str
) -> None:
    changed = hashes(tmp_path / "changed", old=old, new=new)
    assert {name for name in unchanged if changed[name] != unchanged[name]} == {"checks", "publish"}
    assert hashes(tmp_path / "again") == unchanged
