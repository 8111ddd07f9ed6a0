"""Cloud KMS through its official client: encryption, checksums and grants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import kms

from devcloud.identity.credentials import credentials_of
from devcloud.kms import Kms
from tests.conftest import OpenIdentity
from tests.devcloud.kms.conftest import KEY, NEW_KEY

Client = kms.KeyManagementServiceClient


def test_encrypted_data_can_be_decrypted_with_checksums_both_ways(admin: Client) -> None:
    aad = b"tenant-a"
    sealed = admin.encrypt(
        request={
            "name": KEY,
            "plaintext": b"secret",
            "plaintext_crc32c": google_crc32c.value(b"secret"),
            "additional_authenticated_data": aad,
            "additional_authenticated_data_crc32c": google_crc32c.value(aad),
        }
    )
    assert sealed.verified_plaintext_crc32c
    assert sealed.verified_additional_authenticated_data_crc32c
    assert sealed.ciphertext_crc32c == google_crc32c.value(sealed.ciphertext)
    assert sealed.name == f"{KEY}/cryptoKeyVersions/1"

    opened = admin.decrypt(
        request={
            "name": KEY,
            "ciphertext": sealed.ciphertext,
            "ciphertext_crc32c": sealed.ciphertext_crc32c,
            "additional_authenticated_data": aad,
        }
    )
    assert (opened.plaintext, opened.used_primary) == (b"secret", True)
    assert opened.plaintext_crc32c == google_crc32c.value(b"secret")


def test_encrypting_twice_gives_different_ciphertexts(admin: Client) -> None:
    first, second = (admin.encrypt(name=KEY, plaintext=b"same").ciphertext for _ in range(2))

    assert first != second


def test_a_ciphertext_moved_to_other_additional_data_is_refused(admin: Client) -> None:
    sealed = admin.encrypt(request={"name": KEY, "plaintext": b"x", "additional_authenticated_data": b"tenant-a"})

    with pytest.raises(exceptions.InvalidArgument, match="Decryption failed"):
        admin.decrypt(
            request={"name": KEY, "ciphertext": sealed.ciphertext, "additional_authenticated_data": b"tenant-b"}
        )


@pytest.mark.parametrize("position", [0, 3, 6, 10, -1])
def test_a_tampered_ciphertext_is_refused(admin: Client, position: int) -> None:
    ciphertext = bytearray(admin.encrypt(name=KEY, plaintext=b"x").ciphertext)
    ciphertext[position] ^= 1

    with pytest.raises(exceptions.InvalidArgument, match="Decryption failed"):
        admin.decrypt(name=KEY, ciphertext=bytes(ciphertext))


def test_a_wrong_checksum_is_refused(admin: Client) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="checksum in field plaintext_crc32c"):
        admin.encrypt(request={"name": KEY, "plaintext": b"x", "plaintext_crc32c": 1})


def test_a_checksum_is_verified_only_when_it_is_sent(admin: Client) -> None:
    assert not admin.encrypt(name=KEY, plaintext=b"x").verified_plaintext_crc32c


@pytest.mark.parametrize("field", ["plaintext", "additional_authenticated_data"])
def test_more_than_64_kib_is_refused(admin: Client, field: str) -> None:
    request = {"name": KEY, "plaintext": b"x"}

    admin.encrypt(request=request | {field: b"x" * 65_536})
    with pytest.raises(exceptions.InvalidArgument, match="64KiB"):
        admin.encrypt(request=request | {field: b"x" * 65_537})


def test_the_credentials_account_encrypts_and_never_decrypts(admin: Client, client_of: Callable[..., Client]) -> None:
    client = client_of("cvg-credentials")
    ciphertext = client.encrypt(name=KEY, plaintext=b"x").ciphertext

    with pytest.raises(
        exceptions.PermissionDenied, match=r"useToDecrypt' denied on resource .* \(or it may not exist\)"
    ):
        client.decrypt(name=KEY, ciphertext=ciphertext)


def test_the_worker_decrypts_and_never_encrypts(admin: Client, client_of: Callable[..., Client]) -> None:
    client = client_of("cvg-worker")
    ciphertext = admin.encrypt(name=KEY, plaintext=b"x").ciphertext

    assert client.decrypt(name=KEY, ciphertext=ciphertext).plaintext == b"x"
    with pytest.raises(exceptions.PermissionDenied, match="useToEncrypt"):
        client.encrypt(name=KEY, plaintext=b"x")


@pytest.mark.parametrize(
    ("account", "project"),
    [("cvg-api", "convergence-test"), ("cvg-worker", "tenant-p"), ("devcloud-admin", "tenant-p")],
)
def test_no_other_account_may_use_the_key(
    admin: Client, client_of: Callable[..., Client], account: str, project: str
) -> None:
    client = client_of(account, project)

    with pytest.raises(exceptions.PermissionDenied):
        client.encrypt(name=KEY, plaintext=b"x")
    with pytest.raises(exceptions.PermissionDenied):
        client.get_crypto_key(name=KEY)


def test_a_call_without_credentials_is_refused(admin: Client, service: Kms) -> None:
    client = Client(credentials=AnonymousCredentials(), client_options={"api_endpoint": service.address})

    with pytest.raises(exceptions.Unauthenticated, match="missing required authentication credential"):
        client.encrypt(name=KEY, plaintext=b"x")


def test_a_key_of_another_cloud_is_refused(
    admin: Client, service: Kms, open_identity: OpenIdentity, tmp_path: Any
) -> None:
    elsewhere = open_identity(tmp_path / "elsewhere", "convergence-test")
    elsewhere.token_uri = "http://127.0.0.1:1/token"
    key = elsewhere.mint_key("convergence-test", "devcloud-admin")
    client = Client(
        credentials=credentials_of(key, self_signed=True),
        client_options={"api_endpoint": service.address},
    )

    with pytest.raises(exceptions.Unauthenticated, match="invalid authentication credentials"):
        client.encrypt(name=KEY, plaintext=b"x")


def test_a_method_that_is_not_implemented_is_named(admin: Client) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="AsymmetricSign"):
        admin.asymmetric_sign(request={"name": f"{KEY}/cryptoKeyVersions/1", "digest": {"sha256": b"x"}})


def test_a_purpose_that_is_not_implemented_is_named(admin: Client) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="ASYMMETRIC_SIGN"):
        admin.create_crypto_key(request=NEW_KEY | {"crypto_key": {"purpose": "ASYMMETRIC_SIGN"}})
