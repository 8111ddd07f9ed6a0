"""One tenant's trials of credentials keep at most one request of an instance waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from shared.domain.credentials.sealed import SealedCredential
from shared.domain.credentials.verification import Verification
from shared.errors import TooManyRequests
from shared.use_cases.stored_credentials import StoredCredentials


class Stored:
    """Every tenant has a credential."""

    def find(self, tenant_id: str, provider: str) -> SealedCredential:
        return SealedCredential("id", tenant_id, provider, "role", b"", "version")


@dataclass
class Slow:
    """While one trial is under way, more are asked for."""

    setup: StoredCredentials | None = None
    refused: list[TooManyRequests] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def verify(self, sealed: SealedCredential) -> Verification:
        self.tried.append(sealed.tenant_id)
        if self.setup and sealed.tenant_id == "acme":
            with pytest.raises(TooManyRequests) as refused:
                self.setup.verify("acme", "AWS", {})
            self.refused.append(refused.value)
            self.setup.verify("beta", "AWS", {})
        return Verification()


def test_a_second_trial_of_a_tenant_is_refused_until_the_first_has_ended() -> None:
    slow, other = Slow(), cast(Any, None)
    slow.setup = StoredCredentials(cast(Any, Stored()), cast(Any, slow), other)
    for _ in range(2):
        assert slow.setup.verify("acme", "AWS", {})["verified"] is True
    assert [(error.cap, error.facts["retry_after"]) for error in slow.refused] == [("trials", 15)] * 2
    assert slow.tried == ["acme", "beta"] * 2
