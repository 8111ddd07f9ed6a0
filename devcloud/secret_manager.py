"""Secret Manager over gRPC: secrets with versions, aliases, states and checksums."""

from __future__ import annotations

import re
from pathlib import Path

import google_crc32c
from google.cloud.secretmanager_v1.types import resources, service
from google.protobuf import empty_pb2

from devcloud.grants import READ_SECRET
from devcloud.grpc_service import StoredService, invalid_argument, rpc, unimplemented
from devcloud.messages import has, instant, merge, page
from devcloud.secret_store import LATEST, SecretStore, State

_LIMIT_BYTES = 64 * 1024
_PAGE_SIZE = 25_000
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_UPDATABLE = frozenset({"labels", "annotations", "version_aliases"})
_MISSING_FEATURES = ("expire_time", "ttl", "rotation", "version_destroy_ttl", "customer_managed_encryption")


class SecretManager(StoredService):
    """SecretManagerService for secrets of a project."""

    service_name = "google.cloud.secretmanager.v1.SecretManagerService"

    def _open(self, state_dir: Path) -> None:
        self._secrets = SecretStore(state_dir / "secrets.db")

    def stop(self) -> None:
        """Finish the calls under way, then close; safe to call twice."""
        super().stop()
        self._secrets.close()

    @rpc(service.CreateSecretRequest, "secretmanager.secrets.create", on="parent")
    def CreateSecret(self, request: service.CreateSecretRequest) -> resources.Secret:
        """A new secret without versions."""
        if not _SECRET_ID.fullmatch(request.secret_id):
            raise invalid_argument(f"The secret id [{request.secret_id}] is invalid.")
        secret = resources.Secret(request.secret)
        if not has(secret, "replication"):
            raise invalid_argument("The replication policy of a secret must be set.")
        _check_features(secret)
        if secret.version_aliases:
            raise invalid_argument("A secret without versions cannot have aliases.")
        secret.name, secret.create_time = f"{request.parent}/secrets/{request.secret_id}", instant(self._now())
        self._secrets.create(secret)
        return secret

    @rpc(service.GetSecretRequest, "secretmanager.secrets.get")
    def GetSecret(self, request: service.GetSecretRequest) -> resources.Secret:
        """One secret, without its data."""
        return self._secrets.get(request.name)

    @rpc(service.ListSecretsRequest, "secretmanager.secrets.list", on="parent")
    def ListSecrets(self, request: service.ListSecretsRequest) -> service.ListSecretsResponse:
        """The secrets of a project."""
        _check_filter(request.filter)
        secrets = self._secrets.list_secrets(request.parent)
        some, token = page(secrets, request, default_size=_PAGE_SIZE)
        return service.ListSecretsResponse(secrets=some, next_page_token=token, total_size=len(secrets))

    @rpc(service.UpdateSecretRequest, "secretmanager.secrets.update", on="secret.name")
    def UpdateSecret(self, request: service.UpdateSecretRequest) -> resources.Secret:
        """Change labels, annotations or the aliases of versions."""
        paths = {path.partition(".")[0] for path in request.update_mask.paths}
        if not paths or not paths <= _UPDATABLE:
            raise invalid_argument(f"The update mask may name {', '.join(sorted(_UPDATABLE))} only.")
        secret = self._secrets.get(request.secret.name)
        merge(secret, request.secret, request.update_mask)
        for alias, number in secret.version_aliases.items():
            if not _ALIAS.fullmatch(alias) or alias == LATEST:
                raise invalid_argument(f"The version alias [{alias}] is invalid.")
            if not self._secrets.has_version(secret.name, number):
                raise invalid_argument(f"The version alias [{alias}] names version {number}, which does not exist.")
        self._secrets.save(secret)
        return secret

    @rpc(service.DeleteSecretRequest, "secretmanager.secrets.delete")
    def DeleteSecret(self, request: service.DeleteSecretRequest) -> empty_pb2.Empty:
        """Remove a secret with all its versions."""
        _check_etag(request.etag)
        self._secrets.delete(request.name)
        return empty_pb2.Empty()

    @rpc(service.AddSecretVersionRequest, "secretmanager.versions.add", on="parent")
    def AddSecretVersion(self, request: service.AddSecretVersionRequest) -> resources.SecretVersion:
        """A new, enabled version. If the request has a checksum, the data must match it."""
        payload = request.payload
        if not payload.data:
            raise invalid_argument("Secret Payload cannot be empty.")
        if len(payload.data) > _LIMIT_BYTES:
            raise invalid_argument("The secret payload must be no larger than 64KiB.")
        checked = has(payload, "data_crc32c")
        if checked and payload.data_crc32c != google_crc32c.value(payload.data):
            raise invalid_argument("The provided payload checksum does not match the data.")
        return self._secrets.add_version(request.parent, payload.data, checked=checked, now=self._now())

    @rpc(service.GetSecretVersionRequest, "secretmanager.versions.get")
    def GetSecretVersion(self, request: service.GetSecretVersionRequest) -> resources.SecretVersion:
        """One version, without its data."""
        return self._secrets.version(request.name)

    @rpc(service.ListSecretVersionsRequest, "secretmanager.versions.list", on="parent")
    def ListSecretVersions(self, request: service.ListSecretVersionsRequest) -> service.ListSecretVersionsResponse:
        """The versions of a secret, newest first."""
        _check_filter(request.filter)
        versions = self._secrets.list_versions(request.parent)
        some, token = page(versions, request, default_size=_PAGE_SIZE)
        return service.ListSecretVersionsResponse(versions=some, next_page_token=token, total_size=len(versions))

    @rpc(service.AccessSecretVersionRequest, READ_SECRET)
    def AccessSecretVersion(self, request: service.AccessSecretVersionRequest) -> service.AccessSecretVersionResponse:
        """The data of a version, named by number, alias or `latest`."""
        name, data = self._secrets.version(request.name).name, self._secrets.data(request.name)
        payload = resources.SecretPayload(data=data, data_crc32c=google_crc32c.value(data))
        return service.AccessSecretVersionResponse(name=name, payload=payload)

    @rpc(service.DisableSecretVersionRequest, "secretmanager.versions.disable")
    def DisableSecretVersion(self, request: service.DisableSecretVersionRequest) -> resources.SecretVersion:
        """Make a version unreadable until it is enabled again."""
        _check_etag(request.etag)
        return self._secrets.change_state(request.name, State.DISABLED, now=self._now())

    @rpc(service.EnableSecretVersionRequest, "secretmanager.versions.enable")
    def EnableSecretVersion(self, request: service.EnableSecretVersionRequest) -> resources.SecretVersion:
        """Make a version readable again."""
        _check_etag(request.etag)
        return self._secrets.change_state(request.name, State.ENABLED, now=self._now())

    @rpc(service.DestroySecretVersionRequest, "secretmanager.versions.destroy")
    def DestroySecretVersion(self, request: service.DestroySecretVersionRequest) -> resources.SecretVersion:
        """Erase a version's data."""
        _check_etag(request.etag)
        return self._secrets.change_state(request.name, State.DESTROYED, now=self._now())


def _check_features(secret: resources.Secret) -> None:
    for feature in _MISSING_FEATURES:
        if has(secret, feature):
            raise unimplemented(f"a secret's {feature}")
    if secret.topics:
        raise unimplemented("a secret's topics")


def _check_filter(filter_text: str) -> None:
    if filter_text:
        raise unimplemented("filters in Secret Manager")


def _check_etag(etag: str) -> None:
    if etag:
        raise unimplemented("etags in Secret Manager")
