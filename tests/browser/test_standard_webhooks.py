"""The library that Standard Webhooks publishes for receivers accepts our messages as sent, and no others."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.domain.alerts.messages import signed_headers
from tests.support.alert_snippets import BODY, MESSAGE, OTHER_SECRET, SECRET

pytestmark = pytest.mark.judge
PYTHON = Path(__file__).resolve().parents[2] / ".venvs" / "browser" / "bin" / "python"
PROGRAM = """
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
for secret, headers, body in json.loads(sys.argv[1]):
    try:
        print(Webhook(secret).verify(body, headers)["type"])
    except WebhookVerificationError as error:
        print(error)
"""
NO_MATCH = "No matching signature found"


def test_the_standards_library_tells_our_messages_from_others() -> None:
    now = datetime.now(UTC)  # the library compares with its own clock, and allows five minutes
    sent = signed_headers(MESSAGE, secret=SECRET, moment=now)
    old = signed_headers(MESSAGE, secret=SECRET, moment=now - timedelta(hours=1))
    body = BODY.decode()
    cases = [
        ((SECRET, sent, body), "alert.test"),
        ((SECRET, sent, body.replace("acme", "evil")), NO_MATCH),
        ((OTHER_SECRET, sent, body), NO_MATCH),
        ((SECRET, sent | {"webhook-id": "msg_2"}, body), NO_MATCH),
        ((SECRET, old, body), "Message timestamp too old"),
        ((SECRET, sent | {"webhook-timestamp": old["webhook-timestamp"]}, body), "Message timestamp too old"),
    ]
    asked = json.dumps([case for case, _ in cases])
    done = subprocess.run([PYTHON, "-c", PROGRAM, asked], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [verdict for _, verdict in cases]
