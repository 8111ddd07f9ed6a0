"""The JavaScript that docs/alerts.md gives to receivers accepts our messages, and no others."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.alert_snippets import CASES, snippet

pytestmark = pytest.mark.judge
NODE = Path(__file__).resolve().parents[2] / ".venvs" / "browser" / "bin" / "node"
LOOP = """
for (const [secret, headers, body, now] of JSON.parse(process.argv[2])) console.log(isOurs(secret, headers, body, now));
"""


def test_the_javascript_of_the_document_tells_our_messages_from_others(tmp_path: Path) -> None:
    program = tmp_path / "receiver.mjs"
    program.write_text(snippet("javascript") + LOOP, encoding="utf-8")
    asked = [(secret, headers, body.decode(), now) for secret, headers, body, now, _ in CASES.values()]
    done = subprocess.run([NODE, program, json.dumps(asked)], capture_output=True, text=True, timeout=60, check=True)
    assert [line == "true" for line in done.stdout.split()] == [is_ours for *_, is_ours in CASES.values()]
