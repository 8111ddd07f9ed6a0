"""Access without a key: the audience follows from deployment and tenant, whatever a tenant enters."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.credentials.credentials import check_credentials
from shared.domain.credentials.setup_guides import Platform, setup_guide
from shared.domain.credentials.trust import audience_of
from shared.errors import InvalidInput

Cloud = Literal["AWS", "AZURE"]
CLOUDS: tuple[Cloud, ...] = ("AWS", "AZURE")
PLATFORM = Platform("platform-prod", "cvg-worker@platform-prod.iam.gserviceaccount.com", "112233445566778899001")

clouds = st.sampled_from(CLOUDS)
tenants = st.from_regex(r"[a-w][a-z0-9_]{2,62}", fullmatch=True).filter(lambda name: name != "tenants")
projects = st.from_regex(r"([a-z][a-z0-9.-]{1,20}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", fullmatch=True)


@given(clouds, clouds, projects, projects, tenants, tenants)
def test_no_two_tenants_of_any_deployments_share_an_audience(
    one_cloud: Cloud, other_cloud: Cloud, one_project: str, other_project: str, one: str, other: str
) -> None:
    same = audience_of(one_cloud, deployment=one_project, tenant_id=one) == audience_of(
        other_cloud, deployment=other_project, tenant_id=other
    )
    assert same == ((one_cloud, one_project, one) == (other_cloud, other_project, other))


@given(clouds, tenants, tenants, st.text(max_size=60))
def test_nothing_that_a_tenant_enters_changes_the_audience_of_its_token(
    cloud: Cloud, owner: str, other: str, text: str
) -> None:
    """An audience or any other text is refused in every field that once named one, and changes nothing."""
    owners = audience_of(cloud, deployment=PLATFORM.project, tenant_id=owner)
    for entered in (owners.text, text):
        form: dict[str, Any] = (
            {"role_arn": "arn:aws:iam::123456789012:role/of-the-owner", "external_id": entered}
            if cloud == "AWS"
            else {"federated_credential": {"audience": entered}}
        )
        for provider in (cloud, "FOCUS"):
            with pytest.raises(InvalidInput, match="is not yours to choose"):
                check_credentials(provider, form, token_uris=frozenset(), own_project=PLATFORM.project)
    minted = audience_of(cloud, deployment=PLATFORM.project, tenant_id=other)
    assert (minted == owners) == (other == owner)


@pytest.mark.parametrize("tenant_id", ["acme:beta", "acme/beta", "", "Acme", "x_acme", "acme\n"])
def test_an_invalid_tenant_id_has_no_audience(tenant_id: str) -> None:
    with pytest.raises(InvalidInput):
        audience_of("AWS", deployment="platform-prod", tenant_id=tenant_id)


def test_aws_trusts_the_workers_number_and_the_tenants_audience_and_lets_it_read_no_more_than_the_prefix() -> None:
    guide = setup_guide("AWS", "acme", PLATFORM)
    trust, read, _ = (json.loads(step.paste) for step in guide.steps)
    [statement] = trust["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {"Federated": "accounts.google.com"}
    assert statement["Condition"] == {
        "StringEquals": {
            "accounts.google.com:sub": PLATFORM.worker_id,
            "accounts.google.com:oaud": "convergence:platform-prod:acme",
        }
    }
    assert [one["Action"] for one in read["Statement"]] == ["s3:ListBucket", "s3:GetObject"]
    assert read["Statement"][1]["Resource"].endswith("/PREFIX/*")


def test_azure_trusts_the_same_number_for_the_same_tenant() -> None:
    guide = setup_guide("AZURE", "acme", PLATFORM)
    trusted = json.loads(guide.steps[0].paste.partition("--parameters '")[2].rstrip("'"))
    assert trusted == {
        "name": "convergence",
        "issuer": "https://accounts.google.com",
        "subject": PLATFORM.worker_id,
        "audiences": ["api://convergence/platform-prod/acme"],
    }
    assert "Storage Blob Data Reader" in guide.steps[1].paste


def test_google_clouds_export_names_the_tenant() -> None:
    guide = setup_guide("GCP", "acme", PLATFORM)
    assert guide.audience is None
    assert any("convergence_tenant:acme" in step.paste for step in guide.steps)
    assert any(PLATFORM.worker in step.paste for step in guide.steps)


FILLED: dict[Literal["AWS", "AZURE", "GCP"], dict[str, Any]] = {
    "AWS": {
        "role_arn": "arn:aws:iam::123456789012:role/convergence",
        "region": "eu-central-1",
        "bucket": "acme-cur",
        "prefix": "exports",
    },
    "AZURE": {
        "tenant_id": "6f2bb3a4-5d0e-4c1c-9d6b-6c1f6f3c7a10",
        "client_id": "7f2bb3a4-5d0e-4c1c-9d6b-6c1f6f3c7a10",
        "federated_credential": {},
        "storage_account": "acmecosts",
        "container": "exports",
        "prefix": "daily",
    },
    "GCP": {
        "project_id": "acme-gcp-project",
        "impersonate_service_account": "convergence-reader@acme-gcp-project.iam.gserviceaccount.com",
        "billing_export_table": "acme-gcp-project.billing.export",
    },
}


@pytest.mark.parametrize("provider", FILLED)
def test_the_shown_credentials_are_accepted_once_they_are_filled_in(
    provider: Literal["AWS", "AZURE", "GCP"],
) -> None:
    shown, filled = setup_guide(provider, "acme", PLATFORM).credentials, FILLED[provider]
    assert list(shown) == list(filled)
    credential = check_credentials(provider, filled, token_uris=frozenset(), own_project=PLATFORM.project)
    assert credential.kind in {"assume_role", "federated", "impersonation"}
