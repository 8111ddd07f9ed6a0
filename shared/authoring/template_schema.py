"""Makes the JSON Schema of template files for editors, from the models that also validate them."""

from __future__ import annotations

import json
from typing import Any

from shared.configuration.platform_config import CONFIGS
from shared.domain.templates.templates import TemplateDocument

SCHEMA_FILE = CONFIGS / "pipeline.schema.json"


def schema_text() -> str:
    """The text of the schema file."""
    schema: dict[str, Any] = TemplateDocument.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "A pipeline template of Convergence"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
