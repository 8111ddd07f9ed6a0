"""GET pipelines: what a frontend needs for a form that starts or schedules a run."""

from __future__ import annotations

from shared.configuration.templates import all_templates
from tests.support.frontend import Frontend


def test_pipelines_are_listed_with_their_parameters(shared_frontend: Frontend, frontend: Frontend) -> None:
    answer = shared_frontend.api.get(f"/api/v1/pipelines/{shared_frontend.tenant_id}")
    assert answer.status_code == 200, answer.text
    found = {pipeline["pipeline_id"]: pipeline for pipeline in answer.json()["pipelines"]}
    assert found.keys() == {template.pipeline_id for template in all_templates()}
    billing = found["gcp-cost-billing"]
    assert (billing["credentials"], billing["grain"], billing["max_days"]) == ("GCP", "day", 400)
    assert (billing["needs_dates"], found["gcp-cost-daily_by_service"]["needs_dates"]) == (False, True)
    assert billing["tables"] == ["focus_cost", "gcp_cost_billing"]
    late = {parameter["name"]: parameter for parameter in billing["parameters"]}["late_hours"]
    assert (late["type"], late["default"], late["minimum"], late["maximum"]) == ("integer", 72, 0, 8784)

    assert frontend.api.get(f"/api/v1/pipelines/{shared_frontend.tenant_id}").status_code == 403
    assert frontend.api.get(f"/api/v1/pipelines/{frontend.tenant_id}", headers={"X-API-Key": None}).status_code == 401
