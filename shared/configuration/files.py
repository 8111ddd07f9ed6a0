"""Loads YAML files with the line of every field, so that errors name file, line and field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from shared.domain.templates.config_problems import Place, error_places, in_words, listed
from shared.errors import ConfigError

Kind = TypeVar("Kind")
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # both loaders are safe; the one in C is ten times as fast


class _Loader(_SAFE):  # type: ignore[misc] # its base is chosen when the module is imported
    """A safe loader that names the line of a value that its type does not allow, for example the date 2025-13-45."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(None, None, f"not a valid {kind}", node.start_mark) from error


@dataclass(frozen=True)
class Document:
    """The content of a file; `file` is its name in messages."""

    file: str
    content: Any
    root: yaml.Node | None

    def line_of(self, place: Place) -> int:
        """The line, counted from 1, of the field, or of the innermost existing field around it."""
        if self.root is None:
            return 1
        node, line = self.root, self.root.start_mark.line
        for part in place:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return int(line) + 1

    def error(self, problems: Sequence[tuple[Place, str]]) -> ConfigError:
        """The error about these problems. It has a line for each, with file, line and field."""
        return ConfigError(listed(self.file, problems, self.line_of))

    def parsed(self, kind: type[Kind]) -> Kind:
        """The content as a model, or as any type that pydantic knows. ConfigError names every invalid field."""
        try:
            return TypeAdapter(kind).validate_python(self.content)
        except ValidationError as error:
            raise self.error(error_places(error, self.content)) from error


def load_document(path: Path, *, file: str | None = None) -> Document:
    """Load a YAML file. ConfigError names file and line of a syntax error or a duplicate key."""
    file = file or path.name
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            root = loader.get_single_node()
            repeated = list(_repeated_keys(root, (), set()))  # before `<<` is filled in
            document = Document(file, None if root is None else loader.construct_document(root), root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{file}:{mark.line + 1 if mark else 1}: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}:1: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise ConfigError(f"{file}:1: cannot be read: {error.strerror}") from error
    if repeated:
        raise ConfigError(
            "\n".join(in_words(file, line, place, "is there twice; remove one") for line, place in repeated)
        )
    return document


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None


def _repeated_keys(node: yaml.Node | None, place: Place, seen_nodes: set[int]) -> Iterator[tuple[int, Place]]:
    """Find duplicate keys and their lines. YAML parsers silently keep the last one.

    It looks at every node once: aliases may repeat a node billions of times, or make it contain itself.
    """
    if id(node) in seen_nodes:
        return
    seen_nodes.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            here = (*place, name)
            if name in seen:
                yield key.start_mark.line + 1, here
            seen.add(name)
            yield from _repeated_keys(value, here, seen_nodes)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated_keys(item, (*place, index), seen_nodes)
