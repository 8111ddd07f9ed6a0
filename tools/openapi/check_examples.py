"""Checks that the examples of an OpenAPI document fit their schemas. It needs the judge's packages."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS31Validator

Json = dict[str, Any]


def media_types(node: Any, place: str) -> Iterator[tuple[str, Json]]:
    """Every (place, media type object) of a document."""
    if isinstance(node, dict):
        for name, content in node.get("content", {}).items() if isinstance(node.get("content"), dict) else ():
            yield f"{place}.{name}", content
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from media_types(child, f"{place}.{key}")


def examples(content: Json) -> Iterator[Any]:
    """A media type's examples."""
    if "example" in content:
        yield content["example"]
    for example in content.get("examples", {}).values():
        yield example["value"]


def findings(document: Json) -> Iterator[str]:
    """One line for each thing wrong with an example."""
    for place, content in media_types({key: document[key] for key in ("paths", "components")}, ""):
        schema = {**content["schema"], "components": document["components"]}
        validator = OAS31Validator(schema, format_checker=OAS31Validator.FORMAT_CHECKER)
        for example in examples(content):
            yield from (f"{place}: {error.json_path}: {error.message}" for error in validator.iter_errors(example))


if __name__ == "__main__":
    found = list(findings(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    print("\n".join(found) or "Examples: all fit their schemas.")
    sys.exit(1 if found else 0)
