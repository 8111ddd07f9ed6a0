"""Defines the accepted forms of tenants' cloud credentials, and the data that binds a ciphertext to its owner.

All input here is hostile. A key file is reduced to the fields that are used, so that other fields, such as an address
to call, have no effect.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    field_serializer,
    model_validator,
)

from shared.domain.credentials.derived_fields import refuse_derived, stored_fields
from shared.domain.credentials.field_texts import AccessKeyId, AwsRegion, Bucket, Prefix, Secret, Uuid
from shared.domain.credentials.google_names import AccountEmail, ExportTable, ProjectId, is_of_project
from shared.domain.credentials.key_files import ServiceAccountKey, read_key_file
from shared.domain.requests.parsing import validated
from shared.domain.requests.texts import Text
from shared.errors import InvalidInput

Cloud = Literal["GCP", "AWS", "AZURE"]
Provider = Literal["GCP", "AWS", "AZURE", "FOCUS"]  # FOCUS: files that anybody wrote, in a store of any cloud
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_NAMESPACE = uuid.UUID("6f2bb3a4-5d0e-4c1c-9d6b-6c1f6f3c7a10")


class _Shape(BaseModel):
    """A credential. Unknown fields are refused, and no error quotes a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    provider: ClassVar[Provider]
    kind: ClassVar[str]
    beside: ClassVar[str] = ""  # a prefix of the source, unlike another provider's source for the same place

    @property
    def source(self) -> str | None:
        """The x_source that a run without parameters loads; None if the credential names none."""
        return None


class _Gcp(_Shape):
    provider: ClassVar[Provider] = "GCP"

    project_id: ProjectId
    billing_export_table: ExportTable | None = None

    @property
    def source(self) -> str | None:
        """The provider and the export table."""
        return f"gcp:{self.billing_export_table}" if self.billing_export_table else None


class GcpServiceAccountKey(_Gcp):
    """A key of a service account that may read the export."""

    kind = "service_account_key"

    service_account_json: ServiceAccountKey

    @property
    def account(self) -> str:
        """The e-mail address of the account that reads the export."""
        return self.service_account_json.client_email


class GcpImpersonation(_Gcp):
    """A service account that lets the platform's worker impersonate it."""

    kind = "impersonation"

    impersonate_service_account: AccountEmail

    @property
    def account(self) -> str:
        """The e-mail address of the account that reads the export."""
        return self.impersonate_service_account


class _Aws(_Shape):
    provider: ClassVar[Provider] = "AWS"

    region: AwsRegion
    bucket: Bucket
    prefix: Prefix = ""

    @property
    def source(self) -> str | None:
        """The provider, the bucket and the prefix. Slashes at either end of the prefix make no difference."""
        return f"{self.beside}aws:{self.bucket}/{self.prefix.strip('/')}".rstrip("/")


class AwsAccessKey(_Aws):
    """An access key that may read the bucket."""

    kind = "access_key"

    access_key_id: AccessKeyId
    secret_access_key: Secret

    @field_serializer("secret_access_key")
    def _revealed(self, value: SecretStr) -> str:
        return value.get_secret_value()


class AwsRole(_Aws):
    """A role that the platform assumes. Its trust policy names the audience of the tenant's runs (trust.py)."""

    kind = "assume_role"

    role_arn: Annotated[
        str,
        Text(
            r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}",
            "must be the ARN of a role, such as arn:aws:iam::123456789012:role/billing-reader",
        ),
    ]


class _Azure(_Shape):
    provider: ClassVar[Provider] = "AZURE"

    tenant_id: Uuid
    client_id: Uuid
    storage_account: Annotated[str, Text(r"[a-z0-9]{3,24}", "must be 3 to 24 lowercase letters and digits")]
    container: Annotated[
        str,
        Text(
            r"[a-z0-9](?:-?[a-z0-9]){2,62}", "must be 3 to 63 lowercase letters, digits and single hyphens between them"
        ),
    ]
    prefix: Prefix = ""

    @property
    def source(self) -> str | None:
        """The provider, account, container and prefix. Slashes at either end of the prefix make no difference."""
        return f"{self.beside}azure:{self.storage_account}/{self.container}/{self.prefix.strip('/')}".rstrip("/")


class AzureClientSecret(_Azure):
    """A client secret of an application that may read the container."""

    kind = "client_secret"

    client_secret: Secret

    @field_serializer("client_secret")
    def _revealed(self, value: SecretStr) -> str:
        return value.get_secret_value()


class FederatedCredential(BaseModel):
    """Says that the application trusts the platform's worker, and what proves the tenant: the audience or a marker.

    The platform derives both, and the trusted subject (trust.py).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    proof: Literal["audience", "marker"] = "audience"


class AzureFederated(_Azure):
    """An application that trusts the platform's worker by federation."""

    kind = "federated"

    federated_credential: FederatedCredential


class _FocusFiles(_Shape):
    """A credential for a place with FOCUS files. A tenant may have it beside those for the clouds' exports."""

    provider: ClassVar[Provider] = "FOCUS"
    beside = "focus:"


class FocusS3Key(_FocusFiles, AwsAccessKey):
    """An access key that may read FOCUS files in S3."""


class FocusS3Role(_FocusFiles, AwsRole):
    """A role that may read FOCUS files in S3."""


class FocusBlobSecret(_FocusFiles, AzureClientSecret):
    """A client secret of an application that may read FOCUS files in Blob storage."""


class FocusBlobFederated(_FocusFiles, AzureFederated):
    """An application that may read FOCUS files in Blob storage, and trusts the platform's worker."""


class FocusHmacKey(_FocusFiles):
    """An HMAC key of a service account that may read FOCUS files in Cloud Storage."""

    kind = "hmac_key"

    bucket: Bucket
    prefix: Prefix = ""
    hmac_access_id: AccessKeyId
    hmac_secret: Secret

    @field_serializer("hmac_secret")
    def _revealed(self, value: SecretStr) -> str:
        return value.get_secret_value()

    @property
    def source(self) -> str | None:
        """FOCUS, Google Cloud, the bucket and the prefix."""
        return f"{self.beside}gcp:{self.bucket}/{self.prefix.strip('/')}".rstrip("/")


Credential = (
    GcpServiceAccountKey | GcpImpersonation | AwsAccessKey | AwsRole | AzureClientSecret | AzureFederated | FocusHmacKey
)
# The field that shows which form of credentials was sent.
_SHAPES: dict[str, dict[str, type[Credential]]] = {
    "GCP": {"service_account_json": GcpServiceAccountKey, "impersonate_service_account": GcpImpersonation},
    "AWS": {"access_key_id": AwsAccessKey, "role_arn": AwsRole},
    "AZURE": {"client_secret": AzureClientSecret, "federated_credential": AzureFederated},
    "FOCUS": {
        "access_key_id": FocusS3Key,
        "role_arn": FocusS3Role,
        "client_secret": FocusBlobSecret,
        "federated_credential": FocusBlobFederated,
        "hmac_access_id": FocusHmacKey,
    },
}


class CredentialRequest(BaseModel):
    """The body of POST credentials. The form of `credentials` depends on the provider."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    provider: Provider
    credentials: dict[str, Any]

    @model_validator(mode="after")
    def _not_empty(self) -> CredentialRequest:
        if not self.credentials:
            raise ValueError("credentials must not be empty")
        return self


def check_credentials(
    provider: str, fields: Mapping[str, Any], *, token_uris: frozenset[str], own_project: str
) -> Credential:
    """The credential that these fields describe. InvalidInput names each invalid one as `credentials.<field>`.

    A service account's key may name only one of `token_uris`: any other address would make the platform call it. An
    account of `own_project`, the platform's project, can read the platform's data, so no tenant may name it.
    """
    shapes = _SHAPES[provider]
    given = [name for name in shapes if name in fields]
    if len(given) != 1:
        raise InvalidInput.of_field("credentials", f"must have exactly one of {', '.join(shapes)}")
    values = dict(fields)
    refuse_derived(given[0], fields)
    if given == ["service_account_json"]:
        values["service_account_json"] = read_key_file(fields["service_account_json"])
    credential: Credential = validated(shapes[given[0]], values, within="credentials")
    if isinstance(credential, GcpServiceAccountKey) and credential.service_account_json.token_uri not in token_uris:
        raise InvalidInput.of_field("credentials.service_account_json.token_uri", f"must be {GOOGLE_TOKEN_URI}")
    if {".", ".."} & set(getattr(credential, "prefix", "").split("/")):
        raise InvalidInput.of_field("credentials.prefix", "must name a folder without . and .. in its path")
    if isinstance(credential, GcpServiceAccountKey | GcpImpersonation) and is_of_project(
        credential.account, own_project
    ):
        raise InvalidInput.of_field(f"credentials.{given[0]}", "is an account of the platform; name one of your own")
    return credential


def serialize_credentials(credential: Credential) -> bytes:
    """The document to encrypt. Only this function takes secrets out of their SecretStr."""
    return credential.model_dump_json(exclude_none=True).encode()


def parse_credentials(provider: str, kind: str, document: bytes) -> Credential:
    """The credential in a decrypted document. Any other document raises a ValueError that quotes nothing."""
    shape = next((shape for shape in _SHAPES.get(provider, {}).values() if shape.kind == kind), None)
    if shape is None:
        raise ValueError(f"there is no credential of kind {kind} for {provider}")
    return shape.model_validate(stored_fields(kind, document))


def credential_id_of(tenant_id: str, provider: str) -> str:
    """The credential's id. It is derived from tenant and provider, so that a tenant has at most one for a provider."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant_id}/{provider}"))
