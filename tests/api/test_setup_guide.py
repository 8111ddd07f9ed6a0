"""GET credentials/setup: what to paste, for this tenant and no other."""

from __future__ import annotations

from devcloud.identity.identity import unique_id
from tests.support.frontend import Frontend


def test_the_guide_names_the_worker_and_the_callers_own_audience(frontend: Frontend) -> None:
    path, project = f"{frontend.credentials_path}/setup", frontend.tenant.cloud.project
    guides = {name: frontend.api.get(f"{path}?provider={name}").json() for name in ("AWS", "AZURE", "GCP")}
    worker = f"cvg-worker@{project}.iam.gserviceaccount.com"
    assert guides["AWS"]["audience"] == f"convergence:{project}:{frontend.tenant_id}"
    assert guides["AZURE"]["audience"] == f"api://convergence/{project}/{frontend.tenant_id}"
    assert {guides[name]["subject"] for name in ("AWS", "AZURE")} == {unique_id(worker)}
    assert guides["GCP"]["audience"] is None
    assert any(worker in step["paste"] for step in guides["GCP"]["steps"])
    for query in ("", "?provider=OCI", "?provider=AWS&tenant_id=somebody"):
        assert frontend.api.get(f"{path}{query}").status_code == 400
