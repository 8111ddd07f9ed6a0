"""Writes the messages that a webhook gets, and signs them as https://www.standardwebhooks.com describes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.alerts.firing import Fired, alert_id

SECRET_PREFIX = "whsec_"  # noqa: S105 - the standard's prefix of secrets, and no secret
SECRET_BYTES = 32
MAX_ANOMALIES = 50


@dataclass(frozen=True)
class Message:
    """A message: it has the same id and the same body each time that it is sent."""

    message_id: str
    type: str
    body: str


def _message(message_id: str, kind: str, moment: datetime, content: Mapping[str, Any]) -> Message:
    body = {"type": kind, "timestamp": moment.isoformat().replace("+00:00", "Z"), "data": content}
    return Message(message_id, kind, json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def budget_message(fired: Sequence[Fired], *, tenant_id: str, moment: datetime) -> Message:
    """The message about the thresholds that one month has newly reached. It names the highest one and all of them."""
    highest = max(fired, key=lambda each: int(each.facts["threshold_percent"]))
    reached = sorted(int(each.facts["threshold_percent"]) for each in fired)
    facts = {name: value for name, value in highest.facts.items() if name != "kind"}
    content = {"tenant_id": tenant_id, **facts, "thresholds_reached": reached}
    return _message(f"msg_{highest.alert_id}", "budget.threshold_reached", moment, content)


def anomaly_message(fired: Sequence[Fired], *, tenant_id: str, moment: datetime) -> Message:
    """The message about new anomalies. Of very many it has the first; `anomaly_count` is their number."""
    shown = [{name: value for name, value in each.facts.items() if name != "kind"} for each in fired[:MAX_ANOMALIES]]
    content = {"tenant_id": tenant_id, "anomaly_count": len(fired), "anomalies": shown}
    all_of_them = alert_id(*(each.alert_id for each in fired))
    return _message(f"msg_{all_of_them}", "cost.anomaly", moment, content)


def message_of_test(message_id: str, *, tenant_id: str, moment: datetime) -> Message:
    """The message of a test. It says nothing about costs."""
    content = {"tenant_id": tenant_id, "message": "This is a test of the webhook. It is signed as alerts are."}
    return _message(message_id, "alert.test", moment, content)


def new_secret(random: bytes) -> str:
    """The text of a webhook's secret, made of random bytes."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def signed_headers(message: Message, *, secret: str, moment: datetime) -> dict[str, str]:
    """The headers of an attempt to send the message at this moment."""
    seconds = str(int(moment.timestamp()))
    signed = f"{message.message_id}.{seconds}.{message.body}".encode()
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Convergence-Webhooks/1",
        "webhook-id": message.message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{signature}",
    }
