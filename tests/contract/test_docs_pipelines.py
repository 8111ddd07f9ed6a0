"""docs/pipelines.md shows the files as they are and explains every key of a template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from shared.configuration.platform_config import CONFIGS
from shared.domain.templates.check_options import Check
from shared.domain.templates.step_options import Step
from shared.domain.templates.templates import RUN_VALUES, Template

ROOT = CONFIGS.parent
TEXT = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
PATH_GIVEN = {"provider", "domain", "template", "folder", "edition"}  # they follow from the file's path


def words() -> set[str]:
    """Every name in code style outside the files that the document shows."""
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    return {word for code in re.findall(r"`([^`]+)`", prose) for word in re.findall(r"\w+", code)}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type contains, directly or through other models."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    elif get_origin(annotation) is Annotated:
        yield from models_in(get_args(annotation)[0])
    else:
        for argument in get_args(annotation):
            yield from models_in(argument)


def keys() -> set[str]:
    found = {
        field.alias or name
        for kind in (Template, Step, Check)
        for model in models_in(kind)
        for name, field in model.model_fields.items()
    }
    return found - PATH_GIVEN


@pytest.mark.parametrize(
    "path",
    [
        "configs/tables/tenant_dataset/gcp_cost_daily_by_service.yml",
        "configs/gcp/cost/daily_by_service.yml",
        "configs/gcp/cost/daily_by_service.sql",
        "configs/tables/tenant_dataset/gcp_cost_monthly_by_service.yml",
        "configs/gcp/cost/monthly_by_service.yml",
        "configs/gcp/cost/monthly_by_service.sql",
    ],
)
def test_each_example_equals_its_file(path: str) -> None:
    language = "sql" if path.endswith(".sql") else "yaml"
    assert f"```{language}\n{(ROOT / path).read_text(encoding='utf-8')}```" in TEXT


def test_every_key_of_a_template_is_explained() -> None:
    assert {"max_bytes_billed", "backoff_seconds", "late_hours", "tolerance_percent"} <= keys()
    assert keys() - words() == set()


def test_every_kind_of_step_and_check_is_explained() -> None:
    kinds = {
        value
        for union in (Step, Check)
        for model in models_in(union)
        if "uses" in model.model_fields
        for value in get_args(model.model_fields["uses"].annotation)
    }
    assert {"sql", "gcp_billing_export", "reconciliation"} <= kinds
    assert kinds - words() == set()


def test_every_value_of_a_run_is_explained() -> None:
    assert all(f"`{name} {kind}`" in TEXT for name, kind in RUN_VALUES.items())
