"""The store of a tenant's virtual tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.adapters.bigquery.job_errors import AssertionFailed, Missing
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Row, Warehouse
from shared.adapters.stores.tenant_tables import no_dataset_yet
from shared.domain.virtual_tags import MAX_TAGS, VirtualTagRequest, VirtualTags
from shared.errors import Conflict


@dataclass(frozen=True)
class VirtualTagStore:
    """Reads and changes the tags of one tenant at a time. A tenant without the table has none."""

    warehouse: Warehouse

    def list_all(self, tenant_id: str) -> list[Row]:
        """All tags, by name: `name`, `tag` (the rules), `updated_at` and `updated_by_user_id`. One job."""
        return self._read(tenant_id, None)

    def find(self, tenant_id: str, names: Sequence[str]) -> VirtualTags:
        """Those of these tags that exist, by name. One job, or none without names."""
        return {row["name"]: row["tag"] for row in self._read(tenant_id, names)} if names else {}

    def replace(
        self, tenant_id: str, name: str, tag: VirtualTagRequest, *, updated_at: datetime, user_id: str | None
    ) -> None:
        """Store the tag in place of one with its name. One job.

        It raises Conflict if the tenant may have no more tags, or has no dataset yet.
        """
        values = {
            "name": name,
            "rules": tag.model_dump_json(),
            "updated_at": updated_at,
            "user_id": user_id,
            "most_tags": MAX_TAGS,
        }
        try:
            self.warehouse.change(statement("virtual_tags", "replace_virtual_tag"), values, dataset=tenant_id)
        except Missing as error:
            raise no_dataset_yet(error, tenant_id) from None
        except AssertionFailed:
            raise Conflict(f"There are {MAX_TAGS} virtual tags, and a tenant may have no more; remove one.") from None

    def delete(self, tenant_id: str, name: str) -> bool:
        """Remove the tag. It returns whether there was one. One job."""
        try:
            job = self.warehouse.change(
                statement("virtual_tags", "delete_virtual_tag"), {"name": name}, dataset=tenant_id
            )
        except Missing as error:
            if not error.is_in(tenant_id):
                raise
            return False
        return bool(job.num_dml_affected_rows)

    def _read(self, tenant_id: str, names: Sequence[str] | None) -> list[Row]:
        values = {"names": list(names or ()), "all_of_them": names is None}
        try:
            rows = self.warehouse.read(statement("virtual_tags", "read_virtual_tags"), values, dataset=tenant_id)
        except Missing as error:
            if not error.is_in(tenant_id):
                raise
            return []
        return [{**row, "tag": VirtualTagRequest.model_validate_json(row["rules"])} for row in rows]
