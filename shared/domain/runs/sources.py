"""Finds the source that a run loads. The run's parameters name it, or else the tenant's credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.domain.credentials.notices import not_set_up
from shared.domain.templates.templates import Template, source_of
from shared.errors import Conflict, InvalidInput


def require_source(
    template: Template, parameters: Mapping[str, Any], credentials: Mapping[str, str | None], *, within: str = ""
) -> str | None:
    """The source that a run would load, if it is known. `credentials` maps a provider to the source of its credential.

    It raises Conflict if there is no credential, and InvalidInput if neither the credential nor the parameters name a
    source. InvalidInput names the parameters as fields of `within`.
    """
    if template.credentials not in credentials:
        raise Conflict(not_set_up(template.credentials))
    source = source_of(template, parameters, credentials[template.credentials])
    if source is None and template.source_parameter:
        field = f"{within}.{template.source_parameter}" if within else template.source_parameter
        raise InvalidInput.of_field(field, "is missing; name it here, or store it with the credentials")
    return source
