"""Texts that follow a rule: the pattern judges them, and whoever breaks it is told the rule in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Text:
    """An annotation for a string: the whole of it matches `pattern`; `rule` continues the field's name.

    A pattern of pydantic's own would be quoted to the caller. It is in the JSON schema all the same.
    """

    pattern: str
    rule: str

    def check(self, text: str) -> str:
        """The text; ValueError with the rule."""
        if not re.fullmatch(self.pattern, text):
            raise ValueError(self.rule)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The check, after pydantic's own that it is a string."""
        return core_schema.no_info_after_validator_function(self.check, core_schema.str_schema(strict=True))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A string with the pattern, as JSON Schema writes one."""
        return {**handler(schema), "pattern": f"^{self.pattern}$"}
