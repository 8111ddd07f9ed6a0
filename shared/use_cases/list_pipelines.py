"""Lists the pipelines that can be run and scheduled, with their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.configuration.templates import usable_templates
from shared.domain.templates.templates import Parameter, Template


def list_pipelines() -> Mapping[str, Any]:
    """All pipelines, by id. No job: templates are files. A template that is not valid is left out."""
    found = sorted(usable_templates(), key=lambda template: template.pipeline_id)
    return {"pipelines": [_shown(template) for template in found]}


def _shown(template: Template) -> dict[str, Any]:
    return {
        "pipeline_id": template.pipeline_id,
        "provider": template.provider,
        "domain": template.domain,
        "template": template.template,
        "description": template.description,
        "credentials": template.credentials,
        "grain": template.grain,
        "max_days": template.max_days,
        "needs_dates": not template.can_find_days,
        "parameters": [_parameter(name, parameter) for name, parameter in template.parameters.items()],
        "tables": sorted({target.table for target in template.publish}),
    }


def _parameter(name: str, parameter: Parameter) -> dict[str, Any]:
    shown = parameter.model_dump(include={"type", "description", "default", "minimum", "maximum", "values"})
    return {"name": name, **shown}
