"""Derives the identity that another cloud trusts, so that only the runs of one tenant may read there without a key.

All runs have one identity: the worker's account. The audience of a run's token therefore tells the tenants apart. It is
derived from the deployment and the tenant, and only the platform gets tokens that are signed for it. See docs/adr/0019.

If Entra takes only its usual audience, a marker below the prefix tells them apart instead. See docs/adr/0026.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from shared.domain.requests.identifiers import check_tenant_id

ISSUER = "https://accounts.google.com"
EXPORT_LABEL = "convergence_tenant"  # the label by which an export of Google Cloud names its tenant, ADR 0008
# The prefix of an audience, and the separator between deployment and tenant, which no tenant's id contains.
_FORMS = {"AWS": ("convergence:", ":"), "AZURE": ("api://convergence/", "/")}


@dataclass(frozen=True)
class Audience:
    """The audience of a run's identity token, for one cloud and one tenant. Only this module makes one."""

    text: str


# It names no tenant, so whoever presents it must find the tenant's marker before it reads anything.
ENTRA_AUDIENCE = Audience("api://AzureADTokenExchange")


def audience_of(provider: Literal["AWS", "AZURE"], *, deployment: str, tenant_id: str) -> Audience:
    """The audience of a tenant's runs, in the form that the cloud accepts. `deployment` is the platform's project.

    It raises InvalidInput if the id is not valid for a tenant.
    """
    check_tenant_id(tenant_id)
    prefix, separator = _FORMS[provider]
    return Audience(f"{prefix}{deployment}{separator}{tenant_id}")


def marker_of(*, deployment: str, tenant_id: str) -> str:
    """The name of the blob by which the owner of a prefix says that this tenant's runs may read below it."""
    audience = audience_of("AZURE", deployment=deployment, tenant_id=tenant_id)
    return f"convergence-{hashlib.sha256(audience.text.encode()).hexdigest()[:32]}.txt"
