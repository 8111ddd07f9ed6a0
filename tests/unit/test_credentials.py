"""Credentials: the accepted forms, the stored fields, and that no error or log quotes a value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.credentials.credentials import (
    GOOGLE_TOKEN_URI,
    GcpServiceAccountKey,
    check_credentials,
    credential_id_of,
    parse_credentials,
    serialize_credentials,
)
from shared.domain.credentials.sealed import credential_aad
from shared.errors import InvalidInput

Fields = dict[str, Any]
ALLOWED = frozenset({GOOGLE_TOKEN_URI})
SECRET = "s3cr3t-that-must-never-show"
KEY = {
    "type": "service_account",
    "project_id": "acme-gcp-project",
    "private_key_id": "abc123",
    "private_key": SECRET,
    "client_email": "reader@acme-gcp-project.iam.gserviceaccount.com",
    "client_id": "12345",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": GOOGLE_TOKEN_URI,
    "client_x509_cert_url": "https://attacker.example/x509",
    "universe_domain": "googleapis.com",
}
AWS_KEY = {
    "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET, "region": "us-east-1",
    "bucket": "acme-cur", "prefix": "exports/cur",
}  # fmt: skip
AZURE_SECRET = {
    "tenant_id": "6f2bb3a4-5d0e-4c1c-9d6b-6c1f6f3c7a10", "client_id": "7f2bb3a4-5d0e-4c1c-9d6b-6c1f6f3c7a10",
    "client_secret": SECRET, "storage_account": "acmecosts", "container": "exports", "prefix": "",
}  # fmt: skip

AWS_ROLE = {"role_arn": "arn:aws:iam::123456789012:role/convergence", "region": "us-east-1", "bucket": "acme-cur"}
HMAC_KEY = {"bucket": "acme-focus", "prefix": "oracle/", "hmac_access_id": "GOOG1EXAMPLEEXAMPLE", "hmac_secret": SECRET}
AZURE_TRUST = {name: value for name, value in AZURE_SECRET.items() if name != "client_secret"}


def gcp(**changed_in_key: Any) -> Fields:
    key = {name: value for name, value in (KEY | changed_in_key).items() if value is not None}
    return {"project_id": "acme-gcp-project", "service_account_json": json.dumps(key)}


def without(fields: Fields, *names: str) -> Fields:
    return {name: value for name, value in fields.items() if name not in names}


ACCEPTED: list[tuple[str, str, Fields, str | None]] = [
    ("GCP", "service_account_key", gcp(), None),
    (
        "GCP",
        "service_account_key",
        gcp() | {"billing_export_table": "acme-gcp-project.b.t"},
        "gcp:acme-gcp-project.b.t",
    ),
    (
        "GCP",
        "impersonation",
        {"project_id": "acme-gcp-project", "impersonate_service_account": KEY["client_email"]},
        None,
    ),
    ("AWS", "access_key", AWS_KEY, "aws:acme-cur/exports/cur"),
    (
        "AWS",
        "assume_role",
        without(AWS_KEY, "access_key_id", "secret_access_key", "prefix")
        | {"role_arn": "arn:aws:iam::123456789012:role/convergence"},
        "aws:acme-cur",
    ),
    ("AZURE", "client_secret", AZURE_SECRET, "azure:acmecosts/exports"),
    (
        "AZURE",
        "federated",
        without(AZURE_SECRET, "client_secret") | {"federated_credential": {}},
        "azure:acmecosts/exports",
    ),
    ("FOCUS", "access_key", AWS_KEY, "focus:aws:acme-cur/exports/cur"),
    ("FOCUS", "client_secret", AZURE_SECRET, "focus:azure:acmecosts/exports"),
    ("FOCUS", "hmac_key", HMAC_KEY, "focus:gcp:acme-focus/oracle"),
]


@pytest.mark.parametrize(("provider", "kind", "fields", "source"), ACCEPTED)
def test_shape_is_accepted_and_survives_storage(provider: str, kind: str, fields: Fields, source: str | None) -> None:
    credential = check_credentials(provider, fields, token_uris=ALLOWED, own_project="platform-prod")
    assert (credential.provider, credential.kind, credential.source) == (provider, kind, source)
    assert parse_credentials(provider, kind, serialize_credentials(credential)) == credential


@pytest.mark.parametrize(("provider", "kind", "fields", "source"), ACCEPTED)
def test_secret_appears_only_in_the_document_that_is_encrypted(
    provider: str, kind: str, fields: Fields, source: str | None
) -> None:
    credential = check_credentials(provider, fields, token_uris=ALLOWED, own_project="platform-prod")
    assert SECRET not in repr(credential) + str(credential)
    assert (SECRET.encode() in serialize_credentials(credential)) == (SECRET in json.dumps(fields))


REFUSED: list[tuple[str, Fields, str]] = [
    ("GCP", {}, "credentials"),
    ("GCP", gcp() | {"impersonate_service_account": KEY["client_email"]}, "credentials"),
    ("GCP", gcp() | {"project_id": "Acme"}, "credentials.project_id"),
    ("GCP", gcp() | {"project_id": "acme-gcp-project\n"}, "credentials.project_id"),
    ("GCP", gcp() | {"billing_export_table": "acme-gcp-project.b.t`; DROP"}, "credentials.billing_export_table"),
    ("GCP", gcp() | {"billing_export_table": "b.t"}, "credentials.billing_export_table"),
    ("GCP", gcp() | {"surprise": 1}, "credentials.surprise"),
    ("GCP", gcp() | {"service_account_json": KEY}, "credentials.service_account_json"),
    ("GCP", gcp() | {"service_account_json": "{" + SECRET}, "credentials.service_account_json"),
    ("GCP", gcp() | {"service_account_json": "[" * 100_000}, "credentials.service_account_json"),
    ("GCP", gcp() | {"service_account_json": "[]"}, "credentials.service_account_json"),
    ("GCP", gcp(type="authorized_user"), "credentials.service_account_json.type"),
    ("GCP", gcp(type=None), "credentials.service_account_json.type"),
    ("GCP", gcp(private_key=None), "credentials.service_account_json.private_key"),
    ("GCP", gcp(private_key="x" * 6_392), "credentials.service_account_json.private_key"),
    ("GCP", gcp(client_email="reader@attacker.example"), "credentials.service_account_json.client_email"),
    ("GCP", gcp(token_uri="http://169.254.169.254/token"), "credentials.service_account_json.token_uri"),
    ("GCP", gcp(token_uri=GOOGLE_TOKEN_URI + "@attacker.example"), "credentials.service_account_json.token_uri"),
    ("GCP", gcp(universe_domain="attacker.example"), "credentials.service_account_json.universe_domain"),
    ("AWS", without(AWS_KEY, "bucket"), "credentials.bucket"),
    ("FOCUS", without(HMAC_KEY, "bucket"), "credentials.bucket"),
    ("FOCUS", HMAC_KEY | {"hmac_access_id": "key"}, "credentials.hmac_access_id"),
    ("FOCUS", gcp(), "credentials"),
    ("AWS", AWS_KEY | {"bucket": "../etc"}, "credentials.bucket"),
    ("AWS", AWS_KEY | {"region": "us-east-1.attacker.example/"}, "credentials.region"),
    ("AWS", AWS_KEY | {"secret_access_key": ""}, "credentials.secret_access_key"),
    ("AWS", AWS_KEY | {"secret_access_key": SECRET + "\n"}, "credentials.secret_access_key"),
    ("AWS", AWS_KEY | {"role_arn": "arn:aws:iam::123456789012:role/x"}, "credentials"),
    ("AWS", AWS_ROLE | {"external_id": SECRET}, "credentials.external_id"),
    (
        "AZURE",
        AZURE_TRUST | {"federated_credential": {"audience": SECRET}},
        "credentials.federated_credential.audience",
    ),
    ("AZURE", AZURE_TRUST | {"federated_credential": {"surprise": 1}}, "credentials.federated_credential.surprise"),
    ("AZURE", AZURE_SECRET | {"tenant_id": "common"}, "credentials.tenant_id"),
    ("AZURE", AZURE_SECRET | {"storage_account": "attacker.example/"}, "credentials.storage_account"),
    ("AZURE", AZURE_SECRET | {"federated_credential": {}}, "credentials"),
]


@pytest.mark.parametrize(("provider", "fields", "field"), REFUSED)
def test_bad_shape_is_refused_naming_the_field_and_no_value(provider: str, fields: Fields, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_credentials(provider, fields, token_uris=ALLOWED, own_project="platform-prod")
    assert field in [item["field"] for item in refusal.value.facts["errors"]]
    assert SECRET not in str(refusal.value) + repr(refusal.value.facts)
    assert refusal.value.__cause__ is None


def test_unused_fields_of_a_key_file_are_not_kept() -> None:
    credential = check_credentials("GCP", gcp(), token_uris=ALLOWED, own_project="platform-prod")
    assert b"attacker.example" not in serialize_credentials(credential)


def test_token_address_of_the_settings_is_allowed() -> None:
    local = "http://127.0.0.1:9/token"
    credential = check_credentials(
        "GCP", gcp(token_uri=local), token_uris=ALLOWED | {local}, own_project="platform-prod"
    )
    assert isinstance(credential, GcpServiceAccountKey)
    assert credential.service_account_json.token_uri == local


def test_document_of_another_kind_is_refused_without_quoting_it() -> None:
    document = serialize_credentials(check_credentials("AWS", AWS_KEY, token_uris=ALLOWED, own_project="platform-prod"))
    with pytest.raises(ValueError, match="role_arn") as refusal:
        parse_credentials("AWS", "assume_role", document)
    assert SECRET not in str(refusal.value)
    with pytest.raises(ValueError, match="no credential of kind"):
        parse_credentials("AWS", "service_account_key", document)


@pytest.mark.parametrize(
    ("provider", "kind", "fields", "former"),
    [
        ("AWS", "assume_role", AWS_ROLE, {"external_id": "acme-42"}),
        ("AZURE", "federated", AZURE_TRUST, {"federated_credential": {"audience": "api://AzureADTokenExchange"}}),
    ],
)
def test_fields_that_tenants_once_chose_are_dropped_from_stored_credentials(
    provider: str, kind: str, fields: Fields, former: Fields
) -> None:
    found = parse_credentials(provider, kind, json.dumps(fields | former).encode())
    now = fields | ({"federated_credential": {}} if provider == "AZURE" else {})
    assert found == check_credentials(provider, now, token_uris=ALLOWED, own_project="platform-prod")


def test_credential_id_is_the_same_for_a_tenant_and_provider() -> None:
    assert credential_id_of("acme", "GCP") == credential_id_of("acme", "GCP")
    assert len({credential_id_of(tenant, provider) for tenant in ("acme", "beta") for provider in ("GCP", "AWS")}) == 4


def test_authenticated_data_differ_for_every_owner() -> None:
    owners = [("acme", "GCP", "1"), ("acme", "AWS", "1"), ("beta", "GCP", "1"), ("acme", "GCP", "2")]
    bindings = {credential_aad(tenant_id=t, provider=p, credential_id=c) for t, p, c in owners}
    assert len(bindings) == len(owners)


@pytest.mark.parametrize(
    ("own_project", "account"),
    [
        ("platform-prod", "cvg-worker@platform-prod.iam.gserviceaccount.com"),
        ("platform-prod", "platform-prod@appspot.gserviceaccount.com"),
        ("example.com:platform", "cvg-worker@platform.example.com.iam.gserviceaccount.com"),
    ],
)
def test_an_account_of_the_platform_is_refused(own_project: str, account: str) -> None:
    keyless = {"project_id": "acme-gcp-project", "impersonate_service_account": account}
    for fields in (gcp(client_email=account), keyless):
        with pytest.raises(InvalidInput, match="is an account of the platform"):
            check_credentials("GCP", fields, token_uris=ALLOWED, own_project=own_project)
        check_credentials("GCP", fields, token_uris=ALLOWED, own_project="another-project")


@pytest.mark.parametrize("prefix", ["..", "exports/../private", "./exports", "exports/."])
@pytest.mark.parametrize(("provider", "fields"), [("AWS", AWS_KEY), ("AZURE", AZURE_SECRET), ("FOCUS", HMAC_KEY)])
def test_a_prefix_that_a_path_would_resolve_is_refused(provider: str, fields: Fields, prefix: str) -> None:
    with pytest.raises(InvalidInput, match=r"must name a folder without \. and \.\."):
        check_credentials(provider, fields | {"prefix": prefix}, token_uris=ALLOWED, own_project="platform")
