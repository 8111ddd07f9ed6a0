"""The second judge: a linter of FOCUS 1.4 by others reads rows as a view shows them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared.configuration.tables import get_views

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venvs" / "toolkit" / "bin" / "python"
SHOWN = ", ".join(f"`{name}`" for name in get_views()["focus_cost_v1_4"].shown)


def broken_rules(folder: Path, exports: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, str]]:
    """The linter's findings for each list of rows."""
    files = [folder / f"{number}.json" for number in range(len(exports))]
    for file, rows in zip(files, exports.values(), strict=True):
        file.write_text(json.dumps([{name: _text(value) for name, value in row.items()} for row in rows]))
    command = [str(PYTHON), str(ROOT / "tools" / "focus_judge" / "lint.py"), *map(str, files)]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert answer.returncode == 0, answer.stderr[-2000:]
    return dict(zip(exports, json.loads(answer.stdout), strict=True))


def _text(value: Any) -> str:
    """A value as a CSV file of FOCUS has it; NULL is an empty text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return json.dumps(value) if isinstance(value, dict) else str(value)
