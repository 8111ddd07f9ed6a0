"""A tenant may store and remove credentials for ever: each call costs few requests to BigQuery."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from google.cloud import bigquery

from devcloud.clients import warehouse_of
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.stores.credentials import Credentials
from shared.domain.credentials.credentials import credential_id_of
from shared.domain.credentials.sealed import SealedCredential
from tests.conftest import MakeFrontend

BEFORE = 20


@dataclass(frozen=True)
class _Counted(Warehouse):
    """Notes each request about a job."""

    asked: list[str] = field(kw_only=True)

    def insert(self, *arguments: Any, **options: Any) -> bigquery.QueryJob:
        self.asked.append("insert")
        return super().insert(*arguments, **options)

    def get_job(self, job_id: str) -> bigquery.QueryJob:
        self.asked.append("get")
        return super().get_job(job_id)

    def find_job(self, job_id: str) -> bigquery.QueryJob | None:
        self.asked.append("find")
        return super().find_job(job_id)


def test_a_credential_that_was_stored_and_removed_often_is_stored_by_few_requests(
    make_frontend: MakeFrontend, bigquery_client: bigquery.Client
) -> None:
    frontend = make_frontend()
    frontend.store_keyless()
    asked: list[str] = []
    stored = Credentials(_Counted(**vars(warehouse_of(bigquery_client)), asked=asked))
    credential_id = credential_id_of(frontend.tenant_id, "AWS")
    sealed = SealedCredential(credential_id, frontend.tenant_id, "AWS", "assume_role", b"sealed", "1")
    for _ in range(BEFORE):
        assert stored.insert_credential(sealed, user_id=None)
        assert stored.delete_credential(frontend.tenant_id, "AWS", user_id=None)
    asked.clear()
    assert stored.insert_credential(sealed, user_id=None)
    assert (asked.count("insert"), len(asked) < BEFORE) == (3, True)
