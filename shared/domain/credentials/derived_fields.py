"""Refuses, and drops from stored documents, fields that tenants once chose and that the platform now derives.

A tenant could have entered another tenant's value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInput

_TOLD = "is not yours to choose: the platform derives what has to be trusted; GET credentials/setup shows it"


def refuse_derived(form: str, fields: Mapping[str, Any]) -> None:
    """InvalidInput naming the field when a request sets one; `form` is the field that tells a credential's shape."""
    if form == "role_arn" and "external_id" in fields:
        raise InvalidInput.of_field("credentials.external_id", _TOLD)
    if form == "federated_credential" and isinstance(fields[form], Mapping) and "audience" in fields[form]:
        raise InvalidInput.of_field("credentials.federated_credential.audience", _TOLD)


def without_derived(kind: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored document without the derived fields that earlier releases stored."""
    kept = {name: value for name, value in stored.items() if (kind, name) != ("assume_role", "external_id")}
    return kept | ({"federated_credential": {}} if kind == "federated" else {})
