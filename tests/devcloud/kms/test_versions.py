"""Versions of a key: rotation, disabling, destruction, restarts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.api_core import exceptions
from google.cloud import kms
from google.protobuf import duration_pb2, timestamp_pb2

from devcloud.kms import Kms
from tests.devcloud.kms.conftest import DAY, KEY, LOCATION, NEW_KEY, RING
from tests.support.devcloud.clock import Clock

Client = kms.KeyManagementServiceClient
FIRST = f"{KEY}/cryptoKeyVersions/1"


def test_old_ciphertext_stays_readable_after_a_rotation_and_is_counted(admin: Client) -> None:
    old = admin.encrypt(name=KEY, plaintext=b"x").ciphertext
    admin.create_crypto_key_version(request={"parent": KEY})
    admin.update_crypto_key_primary_version(name=KEY, crypto_key_version_id="2")

    opened = admin.decrypt(name=KEY, ciphertext=old)

    assert (opened.plaintext, opened.used_primary) == (b"x", False)
    assert admin.encrypt(name=KEY, plaintext=b"x").name == f"{KEY}/cryptoKeyVersions/2"
    assert [version.name[-1] for version in admin.list_crypto_key_versions(parent=KEY)] == ["1", "2"]


def test_a_key_rotates_by_itself_when_its_time_has_come(admin: Client, clock: Clock) -> None:
    rotation = {
        "rotation_period": duration_pb2.Duration(seconds=int(90 * DAY)),
        "next_rotation_time": timestamp_pb2.Timestamp(seconds=int(clock.now + 90 * DAY)),
    }
    admin.update_crypto_key(request={"crypto_key": {"name": KEY} | rotation, "update_mask": {"paths": list(rotation)}})
    clock.now += 90 * DAY - 1
    assert admin.get_crypto_key(name=KEY).primary.name == FIRST

    clock.now += 1

    assert admin.encrypt(name=KEY, plaintext=b"x").name == f"{KEY}/cryptoKeyVersions/2"
    assert admin.get_crypto_key(name=KEY).next_rotation_time.timestamp() == clock.now + 90 * DAY  # type: ignore[attr-defined]


def test_a_disabled_version_neither_encrypts_nor_decrypts_until_enabled(admin: Client) -> None:
    ciphertext = admin.encrypt(name=KEY, plaintext=b"x").ciphertext
    set_state(admin, "DISABLED")

    for attempt in (
        lambda: admin.encrypt(name=KEY, plaintext=b"x"),
        lambda: admin.decrypt(name=KEY, ciphertext=ciphertext),
    ):
        with pytest.raises(exceptions.FailedPrecondition, match="current state is: DISABLED"):
            attempt()

    set_state(admin, "ENABLED")
    assert admin.decrypt(name=KEY, ciphertext=ciphertext).plaintext == b"x"


def test_a_version_to_be_destroyed_can_be_restored(admin: Client, clock: Clock) -> None:
    ciphertext = admin.encrypt(name=KEY, plaintext=b"x").ciphertext
    scheduled = admin.destroy_crypto_key_version(name=FIRST)
    assert scheduled.state.name == "DESTROY_SCHEDULED"
    assert scheduled.destroy_time.timestamp() == clock.now + 30 * DAY  # type: ignore[attr-defined]

    assert admin.restore_crypto_key_version(name=FIRST).state.name == "DISABLED"

    set_state(admin, "ENABLED")
    assert admin.decrypt(name=KEY, ciphertext=ciphertext).plaintext == b"x"


def test_a_destroyed_version_is_gone_for_good(admin: Client, clock: Clock) -> None:
    ciphertext = admin.encrypt(name=KEY, plaintext=b"x").ciphertext
    admin.destroy_crypto_key_version(name=FIRST)

    clock.now += 30 * DAY

    assert admin.get_crypto_key_version(name=FIRST).state.name == "DESTROYED"
    with pytest.raises(exceptions.FailedPrecondition, match="DESTROYED"):
        admin.restore_crypto_key_version(name=FIRST)
    with pytest.raises(exceptions.FailedPrecondition, match="DESTROYED"):
        admin.decrypt(name=KEY, ciphertext=ciphertext)


def test_keys_survive_a_restart(
    admin: Client, service: Kms, make_service: Callable[[], Kms], client_of: Callable[..., Client]
) -> None:
    ciphertext = admin.encrypt(name=KEY, plaintext=b"x").ciphertext
    service.stop()
    service.port = make_service().port

    assert client_of("devcloud-admin").decrypt(name=KEY, ciphertext=ciphertext).plaintext == b"x"


def test_a_name_cannot_be_used_twice_and_an_unknown_one_is_not_found(admin: Client) -> None:
    with pytest.raises(exceptions.AlreadyExists, match="tenant-credentials-key already exists"):
        admin.create_crypto_key(request=NEW_KEY)
    with pytest.raises(exceptions.AlreadyExists, match="KeyRing"):
        admin.create_key_ring(request={"parent": LOCATION, "key_ring_id": "convergence"})
    with pytest.raises(exceptions.NotFound, match=r"CryptoKey .* not found"):
        admin.get_crypto_key(name=f"{RING}/cryptoKeys/other")
    assert [ring.name for ring in admin.list_key_rings(parent=LOCATION)] == [RING]
    assert [key.name for key in admin.list_crypto_keys(parent=RING)] == [KEY]


def set_state(client: Client, state: str) -> None:
    version = {"name": FIRST, "state": state}
    client.update_crypto_key_version(request={"crypto_key_version": version, "update_mask": {"paths": ["state"]}})
