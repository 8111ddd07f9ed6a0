"""Keeps schemathesis from sending a line feed in a path, because the Functions Framework answers such a request."""

from __future__ import annotations

import schemathesis


@schemathesis.hook  # type: ignore[untyped-decorator]
def filter_case(_: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Whether a case is sent."""
    return not any("\n" in str(value) for value in (case.path_parameters or {}).values())
