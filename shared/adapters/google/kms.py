"""Cloud KMS: encrypts and decrypts tenants' credentials, with CRC32C checked in both directions.

It checks what Google asks its clients to check: https://cloud.google.com/kms/docs/data-integrity-guidelines
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import google_crc32c
from google.api_core import exceptions as google

from shared import errors
from shared.adapters.google.error_table import FAILURES, KMS, meaning_of, outage_of
from shared.adapters.google.own_identity import own_credentials
from shared.adapters.google.retry_budget import RetryBudget
from shared.configuration.settings import Settings

if TYPE_CHECKING:
    from google.cloud.kms import KeyManagementServiceClient

_TIMEOUT_SECONDS = 10.0
_RETRY_BUDGET = RetryBudget(15.0, first_pause_seconds=0.1)  # the client's default is the function's whole minute
_PROBE = b"which version encrypts?"


@dataclass(frozen=True)
class Sealed:
    """A ciphertext and the full name of the key version that made it."""

    ciphertext: bytes
    key_version: str


@dataclass(frozen=True)
class CredentialKey:
    """The key that encrypts tenants' credentials. The client is imported and opened at its first use."""

    open_client: Callable[[], KeyManagementServiceClient]
    name: str

    def encrypt(self, plaintext: bytes, *, aad: bytes) -> Sealed:
        """The ciphertext, bound to `aad`. It raises Unavailable if KMS does not answer or data was damaged."""
        request = {
            "name": self.name,
            "plaintext": plaintext,
            "plaintext_crc32c": _crc32c(plaintext),
            "additional_authenticated_data": aad,
            "additional_authenticated_data_crc32c": _crc32c(aad),
        }
        try:
            retry = _RETRY_BUDGET.of_service(KMS)
            answer = self.open_client().encrypt(request=request, retry=retry, timeout=_TIMEOUT_SECONDS)
        except FAILURES as error:
            failure = _as_error(error)
            raise failure from error
        arrived = answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c
        is_whole = _crc32c(answer.ciphertext) == answer.ciphertext_crc32c and len(answer.ciphertext) > len(plaintext)
        if not arrived or not is_whole or not answer.name.startswith(f"{self.name}/cryptoKeyVersions/"):
            raise _damaged()
        return Sealed(ciphertext=answer.ciphertext, key_version=answer.name)

    def primary_version(self) -> str:
        """The full name of the version that encrypts now. The account needs the right to encrypt, not to read keys."""
        return self.encrypt(_PROBE, aad=b"").key_version

    def decrypt(self, ciphertext: bytes, *, aad: bytes) -> bytes:
        """The plaintext. It raises CredentialsRejected for another `aad`, CredentialsLocked for a disabled version."""
        request = {
            "name": self.name,
            "ciphertext": ciphertext,
            "ciphertext_crc32c": _crc32c(ciphertext),
            "additional_authenticated_data": aad,
            "additional_authenticated_data_crc32c": _crc32c(aad),
        }
        try:
            retry = _RETRY_BUDGET.of_service(KMS)
            answer = self.open_client().decrypt(request=request, retry=retry, timeout=_TIMEOUT_SECONDS)
        except google.FailedPrecondition as error:  # an operator disabled the version, or has it destroyed
            raise errors.CredentialsLocked from error
        except google.InvalidArgument as error:
            if _says_damaged(error):
                raise _damaged() from error
            raise errors.CredentialsRejected(
                "Cloud KMS cannot decrypt the stored credential; store it again."
            ) from error
        except FAILURES as error:
            failure = _as_error(error)
            raise failure from error
        if _crc32c(answer.plaintext) != answer.plaintext_crc32c:
            raise _damaged()
        return bytes(answer.plaintext)


def _damaged() -> errors.Unavailable:
    return errors.Unavailable("The data was damaged on the way to or from Cloud KMS; try again.", retry_after=1)


def _says_damaged(error: Exception) -> bool:
    """Whether Cloud KMS received data that do not fit their checksum."""
    return isinstance(error, google.InvalidArgument) and "crc32c" in str(error).lower()


def _as_error(error: Exception) -> errors.ConvergenceError:
    if _says_damaged(error):
        return _damaged()
    outage = outage_of(error, "Cloud KMS", service=KMS)
    return outage or errors.ConvergenceError(f"Cloud KMS: {meaning_of(error, service=KMS).words}")


def _crc32c(data: bytes) -> int:
    return int(google_crc32c.value(data))


def open_credential_key(settings: Settings) -> CredentialKey:
    """The key of the settings, with a client of its own."""

    @cache
    def open_client() -> KeyManagementServiceClient:
        from google.cloud.kms import KeyManagementServiceClient

        endpoint = settings.kms_endpoint
        options = {"api_endpoint": endpoint} if endpoint else None
        return KeyManagementServiceClient(credentials=own_credentials(), client_options=options)

    return CredentialKey(open_client, settings.require("kms_key"))
