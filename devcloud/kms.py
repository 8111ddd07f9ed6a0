"""Cloud KMS over gRPC: symmetric keys with real AES-256-GCM, additional data, and checksums of requests and answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import google_crc32c
from cryptography.exceptions import InvalidTag
from google.cloud.kms_v1.types import resources, service

from devcloud import grants as permissions
from devcloud.grpc_service import StoredService, failed_precondition, invalid_argument, rpc, unimplemented
from devcloud.kms_keys import ALGORITHM, SOFTWARE, KeyStore, State, require_version, split_version
from devcloud.messages import has, merge, page, seconds_of

_LIMIT_BYTES = 64 * 1024
_DESTROY_AFTER_SECONDS = 30 * 86_400
_VERSION_BYTES, _NONCE_BYTES, _TAG_BYTES = 4, 12, 16
# A ciphertext consists of a mark, the number of its key version, the nonce, and the output of AES-GCM.
_MARK = b"\x0a\x24\x00"
_HEADER_BYTES = len(_MARK) + _VERSION_BYTES
_WRONG_KEY = "Decryption failed: verify that 'name' refers to the correct CryptoKey."


class Kms(StoredService):
    """KeyManagementService for keys of purpose ENCRYPT_DECRYPT."""

    service_name = "google.cloud.kms.v1.KeyManagementService"

    def _open(self, state_dir: Path) -> None:
        self._keys = KeyStore(state_dir / "kms.db", self._now)

    def stop(self) -> None:
        """Finish the calls under way, then close; safe to call twice."""
        super().stop()
        self._keys.close()

    @rpc(service.CreateKeyRingRequest, "cloudkms.keyRings.create", on="parent")
    def CreateKeyRing(self, request: service.CreateKeyRingRequest) -> resources.KeyRing:
        """A new key ring."""
        return self._keys.create_ring(f"{request.parent}/keyRings/{request.key_ring_id}")

    @rpc(service.GetKeyRingRequest, "cloudkms.keyRings.get")
    def GetKeyRing(self, request: service.GetKeyRingRequest) -> resources.KeyRing:
        """One key ring."""
        return self._keys.get_ring(request.name)

    @rpc(service.ListKeyRingsRequest, "cloudkms.keyRings.list", on="parent")
    def ListKeyRings(self, request: service.ListKeyRingsRequest) -> service.ListKeyRingsResponse:
        """The key rings of a location."""
        rings = self._keys.list_rings(request.parent)
        some, token = page(rings, request)
        return service.ListKeyRingsResponse(key_rings=some, next_page_token=token, total_size=len(rings))

    @rpc(service.CreateCryptoKeyRequest, "cloudkms.cryptoKeys.create", on="parent")
    def CreateCryptoKey(self, request: service.CreateCryptoKeyRequest) -> resources.CryptoKey:
        """A new key, with a first version unless the request says otherwise."""
        key = resources.CryptoKey(request.crypto_key)
        if key.purpose != resources.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT:
            raise unimplemented(f"keys of purpose {key.purpose.name}")
        template = key.version_template
        if template.protection_level not in (0, SOFTWARE):
            raise unimplemented(f"protection level {template.protection_level.name}")
        if template.algorithm not in (0, ALGORITHM):
            raise invalid_argument(f"Algorithm {template.algorithm.name} does not fit the purpose ENCRYPT_DECRYPT.")
        key.name = f"{request.parent}/cryptoKeys/{request.crypto_key_id}"
        key.version_template = resources.CryptoKeyVersionTemplate(protection_level=SOFTWARE, algorithm=ALGORITHM)
        if not has(key, "destroy_scheduled_duration"):
            resources.CryptoKey.pb(key).destroy_scheduled_duration.seconds = _DESTROY_AFTER_SECONDS
        return self._keys.create_key(request.parent, key, with_version=not request.skip_initial_version_creation)

    @rpc(service.GetCryptoKeyRequest, "cloudkms.cryptoKeys.get")
    def GetCryptoKey(self, request: service.GetCryptoKeyRequest) -> resources.CryptoKey:
        """One key with its primary version."""
        return self._keys.get_key(request.name)

    @rpc(service.ListCryptoKeysRequest, "cloudkms.cryptoKeys.list", on="parent")
    def ListCryptoKeys(self, request: service.ListCryptoKeysRequest) -> service.ListCryptoKeysResponse:
        """The keys of a ring."""
        keys = self._keys.list_keys(request.parent)
        some, token = page(keys, request)
        return service.ListCryptoKeysResponse(crypto_keys=some, next_page_token=token, total_size=len(keys))

    @rpc(service.UpdateCryptoKeyRequest, "cloudkms.cryptoKeys.update", on="crypto_key.name")
    def UpdateCryptoKey(self, request: service.UpdateCryptoKeyRequest) -> resources.CryptoKey:
        """Change labels or the rotation."""
        immutable = set(request.update_mask.paths) - {"labels", "rotation_period", "next_rotation_time"}
        if immutable or not request.update_mask.paths:
            raise invalid_argument(f"The field mask may not name {', '.join(sorted(immutable)) or 'nothing'}.")
        key = self._keys.get_key(request.crypto_key.name)
        merge(key, request.crypto_key, request.update_mask)
        return self._keys.save_key(key)

    @rpc(service.CreateCryptoKeyVersionRequest, "cloudkms.cryptoKeyVersions.create", on="parent")
    def CreateCryptoKeyVersion(self, request: service.CreateCryptoKeyVersionRequest) -> resources.CryptoKeyVersion:
        """A new version. UpdateCryptoKeyPrimaryVersion can make it the one that encrypts."""
        return self._keys.add_version(request.parent)

    @rpc(service.GetCryptoKeyVersionRequest, "cloudkms.cryptoKeyVersions.get")
    def GetCryptoKeyVersion(self, request: service.GetCryptoKeyVersionRequest) -> resources.CryptoKeyVersion:
        """One version."""
        return self._keys.get_version(*require_version(request.name))

    @rpc(service.ListCryptoKeyVersionsRequest, "cloudkms.cryptoKeyVersions.list", on="parent")
    def ListCryptoKeyVersions(
        self, request: service.ListCryptoKeyVersionsRequest
    ) -> service.ListCryptoKeyVersionsResponse:
        """The versions of a key."""
        versions = self._keys.list_versions(request.parent)
        some, token = page(versions, request)
        return service.ListCryptoKeyVersionsResponse(
            crypto_key_versions=some, next_page_token=token, total_size=len(versions)
        )

    @rpc(service.UpdateCryptoKeyPrimaryVersionRequest, "cloudkms.cryptoKeys.update")
    def UpdateCryptoKeyPrimaryVersion(
        self, request: service.UpdateCryptoKeyPrimaryVersionRequest
    ) -> resources.CryptoKey:
        """Rotate: later encryptions use this version, and nothing is re-encrypted."""
        if not request.crypto_key_version_id.isdecimal():
            raise invalid_argument(f"{request.crypto_key_version_id} is no version id.")
        self._keys.set_primary(request.name, int(request.crypto_key_version_id))
        return self._keys.get_key(request.name)

    @rpc(service.UpdateCryptoKeyVersionRequest, "cloudkms.cryptoKeyVersions.update", on="crypto_key_version.name")
    def UpdateCryptoKeyVersion(self, request: service.UpdateCryptoKeyVersionRequest) -> resources.CryptoKeyVersion:
        """Enable or disable a version."""
        state = State(request.crypto_key_version.state)
        if list(request.update_mask.paths) != ["state"] or state not in (State.ENABLED, State.DISABLED):
            raise invalid_argument("Only the state can be changed, to ENABLED or DISABLED.")
        key, number = require_version(request.crypto_key_version.name)
        return self._keys.change_state(key, number, state, leaving=(State.ENABLED, State.DISABLED))

    @rpc(service.DestroyCryptoKeyVersionRequest, "cloudkms.cryptoKeyVersions.destroy")
    def DestroyCryptoKeyVersion(self, request: service.DestroyCryptoKeyVersionRequest) -> resources.CryptoKeyVersion:
        """Schedule the destruction of a version's material; until then it can be restored."""
        key, number = require_version(request.name)
        destroy_at = self._now() + seconds_of(self._keys.get_key(key).destroy_scheduled_duration)
        leaving = (State.ENABLED, State.DISABLED)
        return self._keys.change_state(key, number, State.DESTROY_SCHEDULED, leaving=leaving, destroy_at=destroy_at)

    @rpc(service.RestoreCryptoKeyVersionRequest, "cloudkms.cryptoKeyVersions.restore")
    def RestoreCryptoKeyVersion(self, request: service.RestoreCryptoKeyVersionRequest) -> resources.CryptoKeyVersion:
        """Take a version back from its scheduled destruction; it comes back disabled."""
        return self._keys.change_state(
            *require_version(request.name), State.DISABLED, leaving=(State.DESTROY_SCHEDULED,)
        )

    @rpc(service.EncryptRequest, permissions.ENCRYPT)
    def Encrypt(self, request: service.EncryptRequest) -> service.EncryptResponse:
        """Encrypt with the primary version, or with the one that is named."""
        _check_size(request, "plaintext", "additional_authenticated_data")
        verified = _check_checksums(request, "plaintext", "additional_authenticated_data")
        key, number = split_version(request.name)
        number = number or self._primary_number(key)
        header = _MARK + number.to_bytes(_VERSION_BYTES, "big")
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys.material(key, number).encrypt(
            nonce, request.plaintext, _bound(header, request.additional_authenticated_data)
        )
        ciphertext = header + nonce + sealed
        return service.EncryptResponse(
            name=f"{key}/cryptoKeyVersions/{number}",
            ciphertext=ciphertext,
            ciphertext_crc32c=google_crc32c.value(ciphertext),
            verified_plaintext_crc32c="plaintext" in verified,
            verified_additional_authenticated_data_crc32c="additional_authenticated_data" in verified,
            protection_level=SOFTWARE,
        )

    @rpc(service.DecryptRequest, permissions.DECRYPT)
    def Decrypt(self, request: service.DecryptRequest) -> service.DecryptResponse:
        """Decrypt with the version that made the ciphertext."""
        _check_size(request, "additional_authenticated_data")
        _check_checksums(request, "ciphertext", "additional_authenticated_data")
        primary = self._keys.get_key(request.name).primary.name
        number, nonce, sealed = _parse(request.ciphertext)
        if not self._keys.has_version(request.name, number):
            raise invalid_argument(_WRONG_KEY)
        header = request.ciphertext[:_HEADER_BYTES]
        try:
            plaintext = self._keys.material(request.name, number).decrypt(
                nonce, sealed, _bound(header, request.additional_authenticated_data)
            )
        except InvalidTag as error:
            raise invalid_argument(_WRONG_KEY) from error
        return service.DecryptResponse(
            plaintext=plaintext,
            plaintext_crc32c=google_crc32c.value(plaintext),
            used_primary=primary == f"{request.name}/cryptoKeyVersions/{number}",
            protection_level=SOFTWARE,
        )

    def _primary_number(self, key: str) -> int:
        primary = self._keys.get_key(key).primary.name
        if not primary:
            raise failed_precondition(f"CryptoKey {key} has no primary version.")
        return require_version(primary)[1]


def _bound(header: bytes, additional: bytes) -> bytes:
    """The additional data to authenticate. It includes the header, so a ciphertext is valid for one version only."""
    return header + additional


def _parse(ciphertext: bytes) -> tuple[int, bytes, bytes]:
    if not ciphertext.startswith(_MARK) or len(ciphertext) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES:
        raise invalid_argument("Decryption failed: the ciphertext is invalid.")
    nonce_end = _HEADER_BYTES + _NONCE_BYTES
    number = int.from_bytes(ciphertext[len(_MARK) : _HEADER_BYTES], "big")
    return number, ciphertext[_HEADER_BYTES:nonce_end], ciphertext[nonce_end:]


def _check_size(request: Any, *fields: str) -> None:
    for field in fields:
        if len(getattr(request, field)) > _LIMIT_BYTES:
            raise invalid_argument(f"The {field} must be no larger than 64KiB.")


def _check_checksums(request: Any, *fields: str) -> set[str]:
    """The fields that came with a checksum; raises INVALID_ARGUMENT unless each checksum matches."""
    given = {field for field in fields if has(request, f"{field}_crc32c")}
    for field in given:
        if getattr(request, f"{field}_crc32c") != google_crc32c.value(getattr(request, field)):
            raise invalid_argument(f"The checksum in field {field}_crc32c did not match the data in field {field}.")
    return given
