"""Writes which function serves each route of a tenant, for the TypeScript client."""

from __future__ import annotations

from tools.openapi.document import ROOT, api_functions

FUNCTIONS = ROOT / "clients" / "typescript" / "src" / "functions.ts"
_HEAD = """\
// Which function serves each of a tenant's paths. `make openapi` writes this file from configs/platform.yml.
export const FUNCTIONS = {
"""


def render_functions() -> str:
    """The module as it is committed."""
    served = {
        route.split(" ")[1]: name
        for name, function in api_functions().items()
        if function.access == "public"
        for route in function.routes
    }
    lines = [f'  "{path}": "{name}",\n' for path, name in served.items()]
    return f"{_HEAD}{''.join(lines)}}} as const;\n"
