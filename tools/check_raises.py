"""Finds `raise ... from ...` that may make an error its own cause. A loop over its causes would never end."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def check_raises(name: str, text: str) -> Iterator[str]:
    """A finding for each `raise X from cause` in which X may be the cause itself or an error in its chain."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Raise) and isinstance(node.cause, ast.Name) and _may_be(node.exc, node.cause.id):
            yield f"{name}:{node.lineno}: this error may become its own cause: make a new one, or raise without `from`"


def _may_be(raised: ast.expr | None, cause: str) -> bool:
    """Whether an expression may be the cause: its name, an attribute of it, or a function that it is passed to."""
    if isinstance(raised, ast.Call):
        function = raised.func.id if isinstance(raised.func, ast.Name) else getattr(raised.func, "attr", "")
        return not function[:1].isupper() and any(isinstance(v, ast.Name) and v.id == cause for v in raised.args)
    while isinstance(raised, ast.Attribute):
        raised = raised.value
    return isinstance(raised, ast.Name) and raised.id == cause
