"""Writes docs/openapi.json, docs/api.md and what the TypeScript client needs: `python -m tools.openapi`."""

from __future__ import annotations

import argparse

from tools.openapi.client import FUNCTIONS, render_functions
from tools.openapi.document import DOCUMENT, ROOT, build_document, render
from tools.openapi.reference import REFERENCE, render_reference

if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m tools.openapi",
        description="Writes docs/openapi.json from tools/openapi/contract, the product's models and its templates, and"
        " docs/api.md and clients/typescript/src/functions.ts from that.",
    ).parse_args()
    DOCUMENT.write_text(render(), encoding="utf-8")
    REFERENCE.write_text(render_reference(build_document()), encoding="utf-8")
    FUNCTIONS.write_text(render_functions(), encoding="utf-8")
    print(*(f"{path.relative_to(ROOT)} is written." for path in (DOCUMENT, REFERENCE, FUNCTIONS)), sep="\n")
