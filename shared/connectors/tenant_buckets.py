"""Opens the bucket or container that a tenant's credential names."""

from __future__ import annotations

from functools import partial

from shared.adapters.aws.s3 import open_bucket, open_cloud_storage
from shared.adapters.azure.blobs import open_container
from shared.adapters.google.workload_identity import identity_token
from shared.configuration.settings import Settings
from shared.connectors.marked_store import MarkedStore
from shared.domain.credentials.credentials import AwsAccessKey, AwsRole, AzureClientSecret, AzureFederated, FocusHmacKey
from shared.domain.credentials.trust import ENTRA_AUDIENCE, audience_of, marker_of
from shared.domain.object_stores import ObjectStore

StoreCredential = AwsAccessKey | AwsRole | AzureClientSecret | AzureFederated | FocusHmacKey


def open_store(credential: StoreCredential, settings: Settings, *, tenant_id: str) -> ObjectStore:
    """Open it below the credential's prefix.

    Without a key the platform's token has the audience of this tenant. If a marker is to prove the tenant instead, the
    store looks for it before it reads anything else.
    """
    if isinstance(credential, FocusHmacKey):
        return open_cloud_storage(credential, endpoint=settings.gcs_endpoint)
    if isinstance(credential, AzureFederated) and credential.federated_credential.proof == "marker":
        usual = partial(identity_token, ENTRA_AUDIENCE)
        store = open_container(credential, usual, endpoint=settings.blob_endpoint, authority=settings.entra_endpoint)
        return MarkedStore(store, marker_of(deployment=settings.project_id, tenant_id=tenant_id))
    is_azure = isinstance(credential, AzureClientSecret | AzureFederated)
    audience = audience_of("AZURE" if is_azure else "AWS", deployment=settings.project_id, tenant_id=tenant_id)
    token = partial(identity_token, audience)
    if isinstance(credential, AzureClientSecret | AzureFederated):
        return open_container(credential, token, endpoint=settings.blob_endpoint, authority=settings.entra_endpoint)
    return open_bucket(credential, token, endpoint=settings.s3_endpoint, sts_endpoint=settings.sts_endpoint)
