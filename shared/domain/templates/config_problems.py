"""Reports problems of files under configs/ by place, so that messages name the field and the line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pydantic import ValidationError

from shared.domain.requests.wording import worded

Place = tuple[str | int, ...]  # keys and indices from the top of the file


def in_words(file: str, line: int, place: Place, message: str) -> str:
    """A problem as one line, in the form of compiler messages."""
    return ": ".join([f"{file}:{line}", *([".".join(map(str, place))] if place else []), message])


def listed(file: str, problems: Sequence[tuple[Place, str]], line_of: Callable[[Place], int]) -> str:
    """All problems of a file, one per line, in the file's order."""
    found = [(line_of(place), place, message) for place, message in problems]
    return "\n".join(in_words(file, *problem) for problem in sorted(found, key=lambda problem: problem[0]))


def error_places(error: ValidationError, content: object) -> list[tuple[Place, str]]:
    """The place of each error of a model in its input, and the error's message."""
    found = error.errors(include_url=False, include_input=False)
    problems = [(_place(item["loc"], content, is_missing=item["type"] == "missing"), worded(item)) for item in found]
    return list(dict.fromkeys(problems))


def _place(location: Sequence[str | int], content: object, *, is_missing: bool) -> Place:
    """A location in the file. Names of union members, which pydantic adds, are left out."""
    place: list[str | int] = []
    for part in location:
        is_item = isinstance(content, list) and isinstance(part, int) and part < len(content)
        if is_item or (isinstance(content, Mapping) and part in content):
            content = content[part]  # type: ignore[index] # a list's index or a mapping's key, as just seen
            place.append(part)
    return (*place, location[-1]) if is_missing else tuple(place)
