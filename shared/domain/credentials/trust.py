"""The identity that another cloud trusts so that the runs of one tenant, and of no other, may read there without a
key.

All runs have one identity: the worker's account. So what tells tenants apart is the audience of the token that a run
presents. It follows from the deployment and the run's tenant alone, and only the platform can have it signed. See
docs/adr/0019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.domain.requests.identifiers import check_tenant_id

ISSUER = "https://accounts.google.com"
EXPORT_LABEL = "convergence_tenant"  # the label by which an export of Google Cloud names its tenant, ADR 0008
# The prefix of an audience, and the separator between deployment and tenant, which no tenant's id contains.
_FORMS = {"AWS": ("convergence:", ":"), "AZURE": ("api://convergence/", "/")}


@dataclass(frozen=True)
class Audience:
    """For whom a run's identity token is: one cloud, one tenant. `audience_of` is the one place that makes it."""

    text: str


def audience_of(provider: Literal["AWS", "AZURE"], *, deployment: str, tenant_id: str) -> Audience:
    """The audience of a tenant's runs, in the form that the cloud takes; `deployment` is the platform's project.

    InvalidInput when the id may not be a tenant's.
    """
    check_tenant_id(tenant_id)
    prefix, separator = _FORMS[provider]
    return Audience(f"{prefix}{deployment}{separator}{tenant_id}")
