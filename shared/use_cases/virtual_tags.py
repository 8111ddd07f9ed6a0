"""Stores, shows and removes a tenant's virtual tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.adapters.stores.virtual_tags import VirtualTagStore
from shared.domain.cost_properties import VIRTUAL_NAME
from shared.domain.requests.creation import CreationRequest
from shared.domain.requests.parsing import validated
from shared.domain.virtual_tags import VirtualTagRequest
from shared.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class TenantVirtualTags:
    """Answers requests for virtual tags. Costs are grouped by the rules of the moment, for past days too."""

    store: VirtualTagStore

    def list_all(self, tenant_id: str) -> dict[str, Any]:
        """All virtual tags, by name. One job."""
        return {"virtual_tags": [_shown(row) for row in self.store.list_all(tenant_id)]}

    def replace(self, tenant_id: str, name: str, asked: CreationRequest) -> dict[str, Any]:
        """Store the tag in place of one with its name, and return it. A repeated call gives the same rules. One job.

        The body has a VirtualTagRequest's fields. Conflict if the tenant may have no more tags, or has no dataset.
        """
        if not re.fullmatch(VIRTUAL_NAME, name):
            message = "must begin with a small letter, and have up to 63 small letters, digits and underscores"
            raise InvalidInput.of_field("name", message)
        tag, now = validated(VirtualTagRequest, asked.body), datetime.now(UTC)
        self.store.replace(tenant_id, name, tag, updated_at=now, user_id=asked.user_id)
        return _shown({"name": name, "tag": tag, "updated_at": now, "updated_by_user_id": asked.user_id})

    def remove(self, tenant_id: str, name: str) -> dict[str, Any]:
        """Remove the tag; NotFound if there is none with this name. One job."""
        if not self.store.delete(tenant_id, name):
            raise _not_found()
        return {"name": name, "status": "DELETED"}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    tag: VirtualTagRequest = row["tag"]
    facts = {"updated_at": row["updated_at"], "updated_by_user_id": row["updated_by_user_id"]}
    return {"name": row["name"], **tag.model_dump(mode="json"), **facts}


def _not_found() -> NotFound:
    return NotFound("There is no virtual tag with this name; GET .../virtual-tags lists them.")
