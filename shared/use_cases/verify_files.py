"""Tries a credential of AWS: whether the export can be listed and read, and what was delivered last."""

from __future__ import annotations

from functools import partial

from shared.adapters.aws.s3 import open_bucket
from shared.adapters.google.workload_identity import identity_token
from shared.configuration.settings import Settings
from shared.connectors.aws.deliveries import find_deliveries
from shared.domain.credentials.credentials import AwsAccessKey, AwsRole
from shared.domain.credentials.trust import audience_of
from shared.domain.credentials.verification import Problem, Verification
from shared.errors import RunError


def look_at_bucket(credential: AwsAccessKey | AwsRole, tenant_id: str, settings: Settings) -> Verification:
    """What a run would find. It reads the first byte of the newest delivery, to prove that objects may be read.

    It raises Unavailable if S3 does not answer.
    """
    audience = audience_of("AWS", deployment=settings.project_id, tenant_id=tenant_id)
    try:
        store = open_bucket(
            credential,
            partial(identity_token, audience),
            endpoint=settings.s3_endpoint,
            sts_endpoint=settings.sts_endpoint,
        )
        deliveries = find_deliveries(store.list(), place=store.place)
        newest = max(deliveries.values(), key=lambda found: found.delivered_at)
        store.open(newest.manifest or newest.files[0], start=0, end=1).close()
    except RunError as error:
        return Verification([Problem("credentials", error.message)], credential.source)
    return Verification(
        source=credential.source, location=credential.region, last_changed_at=newest.delivered_at.isoformat()
    )
