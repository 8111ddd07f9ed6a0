"""Registers functions and operators, each with Google's documented signatures and its DuckDB text.

A function that is not registered is refused by name. A signature is written as `STRING INT64 -> STRING`. T and U stand
for any type, and all T are the same type. `*` after the last parameter repeats it. The body is a function, or a
template with {0}, {1}... and {args}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.typed import Typed, coerce, coercion_distance, null_of, supertype
from devcloud.bigquery.types import SqlType, array_of, scalar_type

Body = str | Callable[[Sequence[Typed]], str]
_VARIABLES = ("T", "U")
_Cost = tuple[int, int, int, int]


@dataclass(frozen=True)
class Signature:
    """One way to call a function."""

    parameters: tuple[str, ...]
    repeated: bool
    result: str
    body: Body

    def patterns(self, count: int) -> tuple[str, ...] | None:
        """The parameter for each of `count` arguments; None if the signature does not take that many."""
        if not self.repeated:
            return self.parameters if len(self.parameters) == count else None
        missing = count - len(self.parameters) + 1
        return None if missing < 0 else self.parameters[:-1] + (self.parameters[-1],) * missing


FUNCTIONS: dict[str, list[Signature]] = {}


def define(names: str, *signatures: tuple[str, Body]) -> None:
    """Register a function, or several synonyms, with its signatures."""
    for name in names.split():
        FUNCTIONS.setdefault(name, []).extend(_signature(text, body) for text, body in signatures)


def later(feature: str) -> Body:
    """The body of a signature that BigQuery has and this engine does not implement."""

    def refuse(_: Sequence[Typed]) -> str:
        raise not_implemented(feature)

    return refuse


def _signature(text: str, body: Body) -> Signature:
    parameters, result = re.fullmatch(r"(.*?)\s*-> (.+)", text).groups()  # type: ignore[union-attr]
    repeated = parameters.endswith("*")
    return Signature(tuple(parameters.rstrip("*").split()), repeated, result, body)


def call(name: str, arguments: Sequence[Typed], *, what: str | None = None) -> Typed:
    """Bind a call to its nearest signature; raises notImplemented if it is unknown, invalidQuery without a match."""
    signatures = FUNCTIONS.get(name.upper())
    if signatures is None:
        raise not_implemented(f"the function {name}")
    fitting = [fit for signature in signatures if (fit := _fit(signature, arguments))]
    if not fitting:
        kinds = ", ".join(str(argument.type) for argument in arguments)
        given = f"for argument types: {kinds}" if arguments else "with no arguments"
        raise invalid_query(f"No matching signature for {what or f'function {name.upper()}'} {given}")
    _, signature, targets, bound = min(fitting, key=lambda fit: fit[0])
    coerced = [coerce(a, target) or null_of(target) for a, target in zip(arguments, targets, strict=True)]
    kind = _result(signature.result, bound)
    if callable(signature.body):
        return Typed(signature.body(coerced), kind)
    texts = [argument.sql for argument in coerced]
    return Typed(signature.body.format(*texts, args=", ".join(texts)), kind)


def _fit(
    signature: Signature, arguments: Sequence[Typed]
) -> tuple[_Cost, Signature, list[SqlType], dict[str, SqlType]] | None:
    patterns = signature.patterns(len(arguments))
    if patterns is None:
        return None
    bound = _bind_variables(patterns, arguments)
    if bound is None:
        return None
    targets = [_result(pattern, bound) for pattern in patterns]
    cost = [0, 0, 0, 0]
    for argument, target in zip(arguments, targets, strict=True):
        distance = coercion_distance(argument, target)
        if distance is None:
            return None
        # ZetaSQL's order of signatures: first by the coercions of arguments that are not literals, then by the others.
        at = 2 if argument.literal else 0
        cost[at] += distance > 0
        cost[at + 1] += distance
    return (cost[0], cost[1], cost[2], cost[3]), signature, targets, bound


def _bind_variables(patterns: Sequence[str], arguments: Sequence[Typed]) -> dict[str, SqlType] | None:
    bound = {}
    for variable in _VARIABLES:
        members = []
        for pattern, argument in zip(patterns, arguments, strict=True):
            if pattern == variable:
                members.append(argument)
            elif pattern == f"ARRAY<{variable}>":
                if argument.type.element is None:
                    if not argument.null:
                        return None
                else:
                    members.append(Typed("", argument.type.element, literal=argument.literal, null=argument.null))
        if members:
            common = supertype(members)
            if common is None:
                return None
            bound[variable] = common
    return bound


def _result(pattern: str, bound: dict[str, SqlType]) -> SqlType:
    if pattern.startswith("ARRAY<"):
        return array_of(_result(pattern[6:-1], bound))
    return bound[pattern] if pattern in bound else _scalar(pattern)


@cache
def _scalar(name: str) -> SqlType:
    return scalar_type(name)
