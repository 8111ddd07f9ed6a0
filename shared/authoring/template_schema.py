"""The JSON Schema of template files, for editors; made from the models, so that it says what loading says."""

from __future__ import annotations

import json
from typing import Any

from shared.configuration.platform_config import CONFIGS
from shared.domain.templates.templates import TemplateDocument

SCHEMA_FILE = CONFIGS / "pipeline.schema.json"


def schema_text() -> str:
    """The schema as the file holds it."""
    schema: dict[str, Any] = TemplateDocument.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "A pipeline template of Convergence"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
