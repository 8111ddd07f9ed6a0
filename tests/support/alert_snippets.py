"""Reads the code that docs/alerts.md gives to receivers, and makes messages to try it with."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from shared.domain.alerts.messages import message_of_test, new_secret, signed_headers

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"
NOW = datetime(2025, 11, 18, 6, tzinfo=UTC)
SECRET, OTHER_SECRET = new_secret(b"0123456789abcdef" * 2), new_secret(b"fedcba9876543210" * 2)
MESSAGE = message_of_test("msg_1", tenant_id="acme", moment=NOW)
SENT = signed_headers(MESSAGE, secret=SECRET, moment=NOW)
BODY, SECONDS = MESSAGE.body.encode(), NOW.timestamp()
TWO_SIGNATURES = SENT | {"webhook-signature": f"v1,bm8= {SENT['webhook-signature']}"}
# Secret, headers, body, time, and whether the code must accept the message.
CASES = {
    "as it was sent": (SECRET, SENT, BODY, SECONDS, True),
    "four minutes later": (SECRET, SENT, BODY, SECONDS + 240, True),
    "beside a signature by another key": (SECRET, TWO_SIGNATURES, BODY, SECONDS, True),
    "another secret": (OTHER_SECRET, SENT, BODY, SECONDS, False),
    "another body": (SECRET, SENT, BODY + b" ", SECONDS, False),
    "another id": (SECRET, SENT | {"webhook-id": "msg_2"}, BODY, SECONDS, False),
    "another time": (SECRET, SENT | {"webhook-timestamp": f"{int(SECONDS) + 1}"}, BODY, SECONDS, False),
    "an hour late": (SECRET, SENT, BODY, SECONDS + 3600, False),
    "no signature": (SECRET, SENT | {"webhook-signature": ""}, BODY, SECONDS, False),
}


def snippet(language: str) -> str:
    """The block of the document in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)
