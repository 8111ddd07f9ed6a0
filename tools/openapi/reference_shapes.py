"""Writes schemas as Markdown: the type of a field in words, and a table of fields for each shape."""

from __future__ import annotations

from collections.abc import Iterator

from tools.openapi.wording import Json

_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
}
_FORMATS = {"date-time": "timestamp", "date": "date", "uuid": "UUID", "password": "string, never shown again"}


def link(heading: str) -> str:
    """A link to the section of this heading in the same page."""
    return f"[{heading}](#{link_target(heading)})"


def link_target(heading: str) -> str:
    """The name by which Markdown knows a heading: lower case, hyphens for blanks, no punctuation."""
    return "".join(letter for letter in heading.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def cell(text: str) -> str:
    """A text as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def shape_of(reference: str) -> str:
    """The name of the schema or response that a `$ref` names."""
    return reference.rpartition("/")[2]


def type_in_words(schema: Json) -> str:
    """The type of a field with its bounds, as one cell."""
    if "$ref" in schema:
        return link(shape_of(schema["$ref"]))
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(type_in_words(one) for one in schema[choice]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return ", ".join([_plain_type(schema), *_bounds(schema)])


def _plain_type(schema: Json) -> str:
    kinds = schema.get("type", "any value")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return " or ".join(_one_type(kind, schema) for kind in kinds)


def _one_type(kind: str, schema: Json) -> str:
    if kind == "array" and "items" in schema:
        return f"array of {type_in_words(schema['items'])}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_in_words(schema['additionalProperties'])}"
    return _FORMATS.get(schema.get("format", ""), kind) if kind == "string" else kind


def _bounds(schema: Json) -> Iterator[str]:
    for key, words in _BOUNDS.items():
        if key in schema:
            yield words.format(schema[key]).replace(" 1 characters", " 1 character").replace(" 1 entries", " 1 entry")
    if "pattern" in schema:
        yield f"`{cell(schema['pattern'])}`"


def shape_section(name: str, schema: Json) -> Iterator[str]:
    """The lines of one schema: its description, then its forms or its fields."""
    yield from (f"### {name}", "", schema["description"], "")
    forms = [type_in_words(form) for choice in ("oneOf", "anyOf") for form in schema.get(choice, [])]
    if forms:
        yield from (f"One of: {', '.join(forms)}.", "")
    elif schema.get("properties"):
        yield from field_table(schema)
    else:
        yield from ("It has no fields.", "")


def field_table(schema: Json) -> Iterator[str]:
    """A table with a row for each field. It marks optional fields and shows their defaults."""
    required = schema.get("required", [])
    yield from ("| field | type | meaning |", "| --- | --- | --- |")
    for name, field in schema["properties"].items():
        optional = "" if name in required else _optional(field)
        yield f"| `{name}` | {type_in_words(field)}{optional} | {cell(field['description'])} |"
    yield ""


def _optional(field: Json) -> str:
    default = field.get("default")
    if default in (None, "", {}):
        return "; optional"
    value = str(default).lower() if isinstance(default, bool) else default
    return f"; optional, default `{value}`"
