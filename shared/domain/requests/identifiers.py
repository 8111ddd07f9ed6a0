"""Checks names that become dataset names, paths or job ids."""

from __future__ import annotations

import re
from typing import Annotated

from shared.domain.requests.texts import Text
from shared.errors import InvalidInput

_TENANT_ID = re.compile(r"[a-z][a-z0-9_]{2,62}")
_TENANT_ID_RULE = (
    "must be a lowercase letter, then 2 to 62 lowercase letters, digits and underscores, and not a reserved name"
)
_TEMPLATE_PART = re.compile(r"[a-z0-9_]{1,64}")
PipelineId = Annotated[
    str,
    Text(r"[a-z0-9_]{1,64}(?:-[a-z0-9_]{1,64}){2}", "must be provider, domain and template, such as gcp-cost-billing"),
]
_RESERVED = frozenset({"tenants"})


def check_tenant_id(tenant_id: str) -> None:
    """Check that the id may name a dataset and is not reserved for the platform; InvalidInput otherwise."""
    if not _TENANT_ID.fullmatch(tenant_id) or tenant_id in _RESERVED or tenant_id.startswith("x_"):
        raise InvalidInput.of_field("tenant_id", _TENANT_ID_RULE)


def is_template_part(value: str) -> bool:
    """Whether this is a valid name of a provider, domain or template."""
    return _TEMPLATE_PART.fullmatch(value) is not None


def pipeline_id_of(provider: str, domain: str, template: str) -> str:
    """The pipeline's id in tables and answers, for example gcp-cost-billing."""
    return f"{provider}-{domain}-{template}"
