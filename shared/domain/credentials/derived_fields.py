"""Refuses fields that the platform derives, and drops them from stored documents.

Earlier releases let tenants set these fields, so a tenant could have set the value of another tenant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInput

_TOLD = "is not yours to choose: the platform derives what has to be trusted; GET credentials/setup shows it"


def refuse_derived(form: str, fields: Mapping[str, Any]) -> None:
    """Raise InvalidInput if a request sets such a field. `form` is the field that shows the form of the credential."""
    if form == "role_arn" and "external_id" in fields:
        raise InvalidInput.of_field("credentials.external_id", _TOLD)
    if form == "federated_credential" and isinstance(fields[form], Mapping) and "audience" in fields[form]:
        raise InvalidInput.of_field("credentials.federated_credential.audience", _TOLD)


def stored_fields(kind: str, document: bytes) -> dict[str, Any]:
    """The fields of a stored document, without those that earlier releases stored and the platform now derives.

    It raises ValueError if the document is not a JSON object.
    """
    try:
        stored = json.loads(document)
    except RecursionError:
        stored = None
    if not isinstance(stored, dict):
        raise ValueError("the document is not a JSON object")
    kept = {name: value for name, value in stored.items() if (kind, name) != ("assume_role", "external_id")}
    if kind == "federated":
        trust = stored.get("federated_credential") or {}
        kept["federated_credential"] = {name: value for name, value in trust.items() if name != "audience"}
    return kept
