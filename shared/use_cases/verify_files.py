"""Tries a credential of a bucket or container: whether it can be listed and read, the format, and what came last."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from shared.configuration.settings import Settings
from shared.connectors.aws.billing_files import AwsBillingFiles
from shared.connectors.azure.billing_files import AzureBillingFiles
from shared.connectors.focus.billing_files import AwsFocusFiles, AzureFocusFiles, FocusFiles
from shared.connectors.objects.billing_files import BillingFiles, Seen
from shared.connectors.tenant_buckets import StoreCredential, open_store
from shared.domain.credentials.billing_exports import unknown_columns_warning
from shared.domain.credentials.credentials import Provider
from shared.domain.credentials.verification import Problem, Verification
from shared.domain.object_stores import ObjectStore
from shared.errors import RunError, StepRefused

# The formats that a provider's pipelines read, its own first.
_FORMATS: dict[Provider, tuple[type[BillingFiles], ...]] = {
    "AWS": (AwsBillingFiles, AwsFocusFiles),
    "AZURE": (AzureBillingFiles, AzureFocusFiles),
    "FOCUS": (FocusFiles,),
}


def look_at_files(credential: StoreCredential, tenant_id: str, settings: Settings) -> Verification:
    """What a run would find, of the provider's own format or of FOCUS.

    It reads the newest manifest and the column names of that delivery's first file. It raises Unavailable if the cloud
    does not answer.
    """
    try:
        files, seen, kind = _look(open_store(credential, settings, tenant_id=tenant_id), credential)
    except RunError as error:
        return Verification([Problem("credentials", error.message)], credential.source)
    warning = unknown_columns_warning(seen.unknown_columns, files.table)
    return Verification(
        source=credential.source,
        location=getattr(credential, "region", None),
        last_changed_at=seen.newest.delivered_at.isoformat(),
        format=f"{kind}{seen.format}",
        newest_period=f"{seen.newest.period:%Y-%m}",
        warnings=[warning] if warning else [],
    )


def _look(store: ObjectStore, credential: StoreCredential) -> tuple[BillingFiles, Seen, str]:
    """The files, what is seen of them, and the word for FOCUS. A refusal is that of the provider's own format."""
    source, now = credential.source or "", datetime.now(UTC)
    own, *others = (format_(store, source, "", now) for format_ in _FORMATS[credential.provider])
    try:
        return own, own.look(), ""
    except StepRefused as refused:
        for focus in others:
            with suppress(StepRefused):
                return focus, focus.look(), "FOCUS, "
        raise refused from None
