"""Opens the bucket or container that a tenant's credential names."""

from __future__ import annotations

from functools import partial

from shared.adapters.aws.s3 import open_bucket, open_cloud_storage
from shared.adapters.azure.blobs import open_container
from shared.adapters.google.workload_identity import identity_token
from shared.configuration.settings import Settings
from shared.domain.credentials.credentials import AwsAccessKey, AwsRole, AzureClientSecret, AzureFederated, FocusHmacKey
from shared.domain.credentials.trust import audience_of
from shared.domain.object_stores import ObjectStore

StoreCredential = AwsAccessKey | AwsRole | AzureClientSecret | AzureFederated | FocusHmacKey


def open_store(credential: StoreCredential, settings: Settings, *, tenant_id: str) -> ObjectStore:
    """Open it below the credential's prefix. Without a key the platform's token has the audience of this tenant."""
    if isinstance(credential, FocusHmacKey):
        return open_cloud_storage(credential, endpoint=settings.gcs_endpoint)
    is_azure = isinstance(credential, AzureClientSecret | AzureFederated)
    audience = audience_of("AZURE" if is_azure else "AWS", deployment=settings.project_id, tenant_id=tenant_id)
    token = partial(identity_token, audience)
    if isinstance(credential, AzureClientSecret | AzureFederated):
        return open_container(credential, token, endpoint=settings.blob_endpoint, authority=settings.entra_endpoint)
    return open_bucket(credential, token, endpoint=settings.s3_endpoint, sts_endpoint=settings.sts_endpoint)
