"""Writes what a cloud's administrator pastes there, so that one tenant's runs may read its export without a key.

The administrator replaces the names in capital letters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.credentials.credentials import Cloud
from shared.domain.credentials.trust import ENTRA_AUDIENCE, EXPORT_LABEL, ISSUER, audience_of, marker_of


@dataclass(frozen=True)
class Platform:
    """The platform's identity: the deployment's project, and the account that executes runs, with its number."""

    project: str
    worker: str
    worker_id: str


@dataclass(frozen=True)
class GuideStep:
    """One thing to do, and what to paste for it: a document or commands."""

    title: str
    paste: str


@dataclass(frozen=True)
class SetupGuide:
    """The setup guide of a tenant. The other cloud checks `audience` and `subject`; both are None for Google Cloud.

    `credentials` is the body to send with POST credentials once all steps are done.
    """

    tenant_id: str
    provider: Cloud
    issuer: str | None
    subject: str | None
    audience: str | None
    steps: Sequence[GuideStep]
    credentials: Mapping[str, Any]


def setup_guide(provider: Cloud, tenant_id: str, platform: Platform) -> SetupGuide:
    """The guide for one cloud."""
    return {"AWS": _aws, "AZURE": _azure, "GCP": _gcp}[provider](tenant_id, platform)


def _aws(tenant_id: str, platform: Platform) -> SetupGuide:
    audience = audience_of("AWS", deployment=platform.project, tenant_id=tenant_id).text
    trusted = {"accounts.google.com:sub": platform.worker_id, "accounts.google.com:oaud": audience}
    trust = _policy(
        {
            "Effect": "Allow",
            "Principal": {"Federated": "accounts.google.com"},  # AWS knows it without a provider of that name
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": trusted},
        }
    )
    read = _policy(
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::BUCKET",
            "Condition": {"StringLike": {"s3:prefix": ["PREFIX", "PREFIX/*"]}},
        },
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::BUCKET/PREFIX/*"},
    )
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:REGION:ACCOUNT:key/KEY"}
    steps = [
        GuideStep("Make a role with this trust policy. Make no identity provider for accounts.google.com.", trust),
        GuideStep("Give the role this permission policy.", read),
        GuideStep("Add this statement to it if the bucket is encrypted with a KMS key of yours.", _pretty(decrypt)),
    ]
    role = {"role_arn": "arn:aws:iam::ACCOUNT:role/ROLE", "region": "REGION", "bucket": "BUCKET", "prefix": "PREFIX"}
    return SetupGuide(tenant_id, "AWS", ISSUER, platform.worker_id, audience, steps, role)


def _azure(tenant_id: str, platform: Platform) -> SetupGuide:
    audience = audience_of("AZURE", deployment=platform.project, tenant_id=tenant_id).text
    trusted = {"name": "convergence", "issuer": ISSUER, "subject": platform.worker_id, "audiences": [audience]}
    usual = trusted | {"audiences": [ENTRA_AUDIENCE.text]}
    marker = marker_of(deployment=platform.project, tenant_id=tenant_id)
    scope = (
        "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/ACCOUNT"
        "/blobServices/default/containers/CONTAINER"
    )
    steps = [
        GuideStep(
            "Let an application trust the platform's worker.",
            f"az ad app federated-credential create --id CLIENT --parameters '{json.dumps(trusted)}'",
        ),
        GuideStep(
            "Let the application read the container of the exports.",
            f'az role assignment create --assignee CLIENT --role "Storage Blob Data Reader" --scope {scope}',
        ),
        GuideStep(
            "Only if Entra refuses the audience of the first step: trust its usual one instead. It names no tenant, so"
            ' upload a marker below the prefix too, and send "federated_credential": {"proof": "marker"}. Nobody else'
            " may write below the prefix.",
            f"az ad app federated-credential create --id CLIENT --parameters '{json.dumps(usual)}'\n"
            "az storage blob upload --auth-mode login --account-name ACCOUNT --container-name CONTAINER "
            f"--name PREFIX/{marker} --data '{audience}'",
        ),
    ]
    application = {
        "tenant_id": "ENTRA_TENANT",
        "client_id": "CLIENT",
        "federated_credential": {},
        "storage_account": "ACCOUNT",
        "container": "CONTAINER",
        "prefix": "PREFIX",
    }
    return SetupGuide(tenant_id, "AZURE", ISSUER, platform.worker_id, audience, steps, application)


def _gcp(tenant_id: str, platform: Platform) -> SetupGuide:
    reader = "convergence-reader@PROJECT.iam.gserviceaccount.com"
    steps = [
        GuideStep(
            "Make an account that reads the export.",
            "gcloud iam service-accounts create convergence-reader --project=PROJECT",
        ),
        GuideStep(
            "Let it read the export's table.",
            f"bq add-iam-policy-binding --member=serviceAccount:{reader} --role=roles/bigquery.dataViewer "
            "PROJECT:DATASET.TABLE",
        ),
        GuideStep(
            "Let it open read sessions in the project.",
            f"gcloud projects add-iam-policy-binding PROJECT --member=serviceAccount:{reader} "
            "--role=roles/bigquery.readSessionUser",
        ),
        GuideStep(
            "Let the platform's worker act as it.",
            f"gcloud iam service-accounts add-iam-policy-binding {reader} --project=PROJECT "
            f"--member=serviceAccount:{platform.worker} --role=roles/iam.serviceAccountTokenCreator",
        ),
        GuideStep(
            "Say on the export for which tenant it is.",
            f"bq update --set_label {EXPORT_LABEL}:{tenant_id} PROJECT:DATASET.TABLE",
        ),
    ]
    account = {
        "project_id": "PROJECT",
        "impersonate_service_account": reader,
        "billing_export_table": "PROJECT.DATASET.TABLE",
    }
    return SetupGuide(tenant_id, "GCP", None, None, None, steps, account)


def _policy(*statements: Mapping[str, Any]) -> str:
    return _pretty({"Version": "2012-10-17", "Statement": list(statements)})


def _pretty(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2)
