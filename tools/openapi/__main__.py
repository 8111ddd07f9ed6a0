"""Writes docs/openapi.json: `python -m tools.openapi`."""

from __future__ import annotations

from tools.openapi.document import DOCUMENT, ROOT, render

if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} is written.")
