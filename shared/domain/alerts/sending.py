"""Decides how a message is sent: how often, what an attempt's result means, and what the secret is bound to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.domain.alerts.events import AlertEvent
from shared.domain.alerts.messages import Message

MAX_ATTEMPTS = 8
TEST_TYPE = "alert.test"
Outcome = Literal["DELIVERED", "FAILED", "GIVEN_UP"]
OVER = frozenset({"DELIVERED", "GIVEN_UP"})


@dataclass(frozen=True)
class SealedSecret:
    """The encrypted secret of a webhook, and the version of the key that encrypted it."""

    ciphertext: bytes
    key_version: str


def secret_aad(*, tenant_id: str, rule_id: str) -> bytes:
    """Additional authenticated data: a secret does not decrypt for another tenant or webhook, or as a credential."""
    binding = {"purpose": "webhook", "rule_id": rule_id, "tenant_id": tenant_id}
    return json.dumps(binding, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class SealedWebhook:
    """The encrypted secret of a webhook as it is stored, with what it is bound to."""

    tenant_id: str
    rule_id: str
    encrypted_secret: bytes
    kms_key_version: str

    @property
    def aad(self) -> bytes:
        """The additional authenticated data of the secret."""
        return secret_aad(tenant_id=self.tenant_id, rule_id=self.rule_id)


@dataclass(frozen=True)
class Attempt:
    """The result of one try: the receiver's status, or the reason why there is none, in plain words."""

    status: int | None = None
    problem: str | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has taken the message."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Pending:
    """A message with the outcomes of its attempts so far, and the webhook as it is now, if there is one."""

    tenant_id: str
    message_id: str
    type: str
    body: str
    outcomes: Sequence[str]
    url: str | None
    rule_id: str
    encrypted_secret: bytes

    @property
    def is_over(self) -> bool:
        """Whether the message was delivered or given up."""
        return not OVER.isdisjoint(self.outcomes)

    @property
    def message(self) -> Message:
        """The message itself."""
        return Message(self.message_id, self.type, self.body)

    def attempted(self, attempt: Attempt, *, moment: datetime, is_final: bool = False) -> AlertEvent:
        """The event of the next attempt. The last one gives the message up; a test has only one."""
        number = len(self.outcomes) + 1
        most = 1 if self.type == TEST_TYPE else MAX_ATTEMPTS
        outcome: Outcome = "FAILED"
        if attempt.is_delivered:
            outcome = "DELIVERED"
        elif is_final or number >= most:
            outcome = "GIVEN_UP"
        return AlertEvent(
            f"{self.message_id}-{number}-{outcome.lower()}",
            self.tenant_id,
            "ATTEMPTED",
            moment,
            number=number,
            message_id=self.message_id,
            details={"outcome": outcome, "status": attempt.status, "problem": attempt.problem},
        )
