"""Finds `raise ... from ...` that may make an error its own cause, over which a walk would never end."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def check_raises(name: str, text: str) -> Iterator[str]:
    """A finding for each `raise X from cause` whose X may be the cause itself, or an error that the cause has."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Raise) and isinstance(node.cause, ast.Name) and _may_be(node.exc, node.cause.id):
            yield f"{name}:{node.lineno}: this error may be its own cause: make a new error, or raise it without `from`"


def _may_be(raised: ast.expr | None, cause: str) -> bool:
    """Whether an expression may answer the cause: its name, an attribute of it, or a function that gets it whole."""
    if isinstance(raised, ast.Call):
        function = raised.func.id if isinstance(raised.func, ast.Name) else getattr(raised.func, "attr", "")
        return not function[:1].isupper() and any(isinstance(v, ast.Name) and v.id == cause for v in raised.args)
    while isinstance(raised, ast.Attribute):
        raised = raised.value
    return isinstance(raised, ast.Name) and raised.id == cause
