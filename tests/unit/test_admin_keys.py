"""Secret Manager may damage a key or not answer: no part of a key becomes one, and wrong keys keep nobody busy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions as google
from google.cloud.secretmanager_v1 import types

from shared.adapters.google.admin_keys import SecretAdminKeys
from shared.adapters.google.secret_versions import SecretVersions
from shared.errors import Unauthenticated, Unavailable

KEY = b"the-current-admin-key"


@dataclass
class Secrets:
    """Answers like Secret Manager, with `payload` or with an error."""

    payload: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None
    calls: int = 0
    seconds: float = 0.0
    before_answer: Callable[[], object] = lambda: None

    def access_secret_version(self, **_: Any) -> types.AccessSecretVersionResponse:
        self.calls += 1
        self.before_answer()
        if self.error:
            raise self.error
        return types.AccessSecretVersionResponse(payload=self.payload)

    def keys(self) -> SecretAdminKeys:
        return SecretAdminKeys(SecretVersions(lambda: self, "secret", ["current"], clock=lambda: self.seconds))


def payload(data: bytes, *, of: bytes = KEY) -> dict[str, Any]:
    return {"data": data, "data_crc32c": int(google_crc32c.value(of))}


@pytest.mark.parametrize("data", [b"the-current-admin-keY", b"the", b"t", b""])
def test_a_damaged_key_is_an_outage_and_no_key(data: bytes) -> None:
    secrets = Secrets(payload(data))
    keys = secrets.keys()
    for offered in (data.decode(), KEY.decode()):
        with pytest.raises(Unavailable, match="damaged"):
            keys.check(offered)
    secrets.payload, secrets.seconds = payload(KEY), 6.0
    keys.check(KEY.decode())


def test_a_key_that_was_stored_without_a_checksum_is_accepted() -> None:
    Secrets({"data": KEY}).keys().check(KEY.decode())


def test_wrong_keys_do_not_ask_again_while_secret_manager_does_not_answer() -> None:
    secrets = Secrets(error=google.InternalServerError("down"))  # type: ignore[no-untyped-call]
    keys = secrets.keys()
    for number in range(50):
        with pytest.raises(Unavailable):
            keys.check(f"wrong {number}")
    assert secrets.calls == 1
    secrets.seconds, secrets.error, secrets.payload = 6.0, None, payload(KEY)
    with pytest.raises(Unauthenticated):
        keys.check("wrong")
    keys.check(KEY.decode())
    assert secrets.calls == 2


def test_a_right_key_does_not_wait_while_a_wrong_one_makes_the_keys_be_fetched_again() -> None:
    secrets = Secrets(payload(KEY))
    keys = secrets.keys()
    keys.check(KEY.decode())
    secrets.seconds = 61.0
    right = []

    def meanwhile() -> None:
        keys.check(KEY.decode())
        right.append("accepted")

    def answer_late() -> None:
        other = Thread(target=meanwhile)
        other.start()
        other.join(timeout=60)

    secrets.before_answer = answer_late
    with pytest.raises(Unauthenticated):
        keys.check("wrong")
    assert (right, secrets.calls) == (["accepted"], 2)


def test_a_rotation_ends_what_was_bound_to_the_key_before() -> None:
    secrets = Secrets(payload(KEY))
    keys, new = secrets.keys(), b"the-new-admin-key"
    digest = keys.newest_digest(KEY.decode())
    secrets.payload, secrets.seconds = payload(new, of=new), 290.0
    assert keys.is_newest(digest)  # from memory
    assert keys.newest_digest(new.decode()) != digest  # the new key is looked up at once
    assert not keys.is_newest(digest)
    with pytest.raises(Unauthenticated):
        keys.newest_digest(KEY.decode())


def test_the_key_before_the_newest_opens_nothing_that_needs_the_newest() -> None:
    versions = {"current": b"the-new-admin-key", "previous": KEY}

    class Both:
        def access_secret_version(self, *, name: str, **_: Any) -> types.AccessSecretVersionResponse:
            return types.AccessSecretVersionResponse(payload={"data": versions[name.rpartition("/")[2]]})

    keys = SecretAdminKeys(SecretVersions(Both, "secret", ["current", "previous"]))
    keys.check(KEY.decode())
    for offered in (KEY.decode(), "", "é"):
        with pytest.raises(Unauthenticated):
            keys.newest_digest(offered)
    assert keys.is_newest(keys.newest_digest("the-new-admin-key"))
