"""Finds the function of a path: by its route in platform.yml, or by the function's name as a prefix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.configuration.platform_config import Function


@dataclass(frozen=True)
class Destination:
    """A function and the path that it gets."""

    function: str
    path: str


class Routes:
    """Finds the function of a request path. It ignores the method, because the function answers 405 itself."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._names = frozenset(functions)
        self._patterns = [
            (_pattern(route.split(maxsplit=1)[1]), name)
            for name, function in functions.items()
            for route in function.routes
        ]

    def find_destination(self, path: str) -> Destination | None:
        """The function for one of its routes, or for `/<its name>/...`, which stands for the function's own URL."""
        for pattern, name in self._patterns:
            if pattern.fullmatch(path):
                return Destination(name, path)
        head, slash, tail = path.lstrip("/").partition("/")
        return Destination(head, slash + tail or "/") if head in self._names else None


def first_path(function: Function) -> str:
    """The path of the function's first route, where schedules and tasks call it."""
    return function.routes[0].split(maxsplit=1)[1]


def _pattern(route: str) -> re.Pattern[str]:
    """`/a/{b}/c` as an expression; a variable is one path segment."""
    literals = re.split(r"\{\w+\}", route.rstrip("/"))
    return re.compile("[^/]+".join(map(re.escape, literals)) + "/?")
