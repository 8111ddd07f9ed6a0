"""Writes docs/openapi.json: `python -m tools.openapi`."""

from __future__ import annotations

import argparse

from tools.openapi.document import DOCUMENT, ROOT, render

if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m tools.openapi",
        description="Writes docs/openapi.json from tools/openapi/contract, the product's models and its templates.",
    ).parse_args()
    DOCUMENT.write_text(render(), encoding="utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} is written.")
