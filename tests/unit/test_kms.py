"""Data that is damaged on the way to or from Cloud KMS is detected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions as google
from google.cloud import kms
from grpc import StatusCode

from shared.adapters.google.kms import CredentialKey, Sealed
from shared.errors import CredentialsRejected, Unavailable

VERSION = "key/cryptoKeyVersions/1"
NOT_ARRIVED = "The checksum in field {}_crc32c did not match the data in field {}."


def crc32c(data: bytes) -> int:
    return int(google_crc32c.value(data))


@dataclass
class Client:
    """Answers like Cloud KMS, with `changed` fields in the answer or with an error."""

    changed: dict[str, Any]
    error: Exception | None = None

    def encrypt(self, request: dict[str, Any], **_: float) -> kms.EncryptResponse:
        if self.error:
            raise self.error
        assert request["plaintext_crc32c"] == crc32c(request["plaintext"])
        assert request["additional_authenticated_data_crc32c"] == crc32c(request["additional_authenticated_data"])
        answer = {
            "name": VERSION,
            "ciphertext": b"sealed",
            "ciphertext_crc32c": crc32c(b"sealed"),
            "verified_plaintext_crc32c": True,
            "verified_additional_authenticated_data_crc32c": True,
        }
        return kms.EncryptResponse(**(answer | self.changed))

    def decrypt(self, request: dict[str, Any], **_: float) -> kms.DecryptResponse:
        if self.error:
            raise self.error
        assert request["ciphertext_crc32c"] == crc32c(request["ciphertext"])
        return kms.DecryptResponse(**({"plaintext": b"open", "plaintext_crc32c": crc32c(b"open")} | self.changed))


def key(*, error: Exception | None = None, **changed: Any) -> CredentialKey:
    client: Any = Client(changed, error)
    return CredentialKey(lambda: client, "key")


def test_intact_answers_are_used() -> None:
    assert key().encrypt(b"open", aad=b"owner") == Sealed(b"sealed", VERSION)
    assert key().decrypt(b"sealed", aad=b"owner") == b"open"


@pytest.mark.parametrize(
    "changed",
    [
        {"ciphertext": b"sealeD"},
        {"verified_plaintext_crc32c": False},
        {"verified_additional_authenticated_data_crc32c": False},
        {"ciphertext": b"", "ciphertext_crc32c": 0},
        {"ciphertext": b"open", "ciphertext_crc32c": crc32c(b"open")},
        {"name": ""},
        {"name": "another-key/cryptoKeyVersions/1"},
    ],
)
def test_damage_on_the_way_to_encryption_is_noticed(changed: dict[str, Any]) -> None:
    with pytest.raises(Unavailable, match="damaged"):
        key(**changed).encrypt(b"open", aad=b"owner")


def test_damage_on_the_way_from_decryption_is_noticed() -> None:
    with pytest.raises(Unavailable, match="damaged"):
        key(plaintext=b"opeN").decrypt(b"sealed", aad=b"owner")


def test_damage_that_kms_notices_is_no_fault_of_the_stored_credential() -> None:
    refused: Exception = google.InvalidArgument(NOT_ARRIVED.format("ciphertext", "ciphertext"))  # type: ignore[no-untyped-call]
    with pytest.raises(Unavailable, match="damaged"):
        key(error=refused).decrypt(b"sealed", aad=b"owner")
    with pytest.raises(Unavailable, match="damaged"):
        key(error=refused).encrypt(b"open", aad=b"owner")


@pytest.mark.parametrize("status", [503, 504])
def test_a_failure_of_kms_may_be_retried(status: int) -> None:
    error: Exception = google.from_http_status(status, "down")  # type: ignore[no-untyped-call]
    with pytest.raises(Unavailable):
        key(error=error).encrypt(b"open", aad=b"owner")
    with pytest.raises(Unavailable):
        key(error=error).decrypt(b"sealed", aad=b"owner")


@pytest.mark.parametrize(
    ("code", "is_tried_again"), [(StatusCode.INVALID_ARGUMENT, False), (StatusCode.FAILED_PRECONDITION, True)]
)
def test_a_run_is_tried_again_only_if_an_operator_can_enable_the_key(code: StatusCode, is_tried_again: bool) -> None:
    error: Exception = google.from_grpc_status(code, "refused")  # type: ignore[no-untyped-call]
    with pytest.raises(CredentialsRejected) as refused:
        key(error=error).decrypt(b"sealed", aad=b"owner")
    assert refused.value.retryable is is_tried_again
