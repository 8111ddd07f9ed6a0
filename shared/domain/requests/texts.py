"""Validates texts by a pattern, and reports a violation by a rule in words instead of the pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Text:
    """An annotation for a string that must match `pattern` as a whole; `rule` is the message about one that does not.

    Pydantic's own patterns would be quoted to the caller. The JSON schema still shows the pattern.
    """

    pattern: str
    rule: str

    def check(self, text: str) -> str:
        """The text; ValueError with the rule."""
        if not re.fullmatch(self.pattern, text):
            raise ValueError(self.rule)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The check, after pydantic's own check for a string."""
        return core_schema.no_info_after_validator_function(self.check, core_schema.str_schema(strict=True))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON schema of a string with the pattern."""
        return {**handler(schema), "pattern": f"^{self.pattern}$"}
