"""Opens AWS sessions with a tenant's credential. No other module turns a credential into an identity at AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from shared.domain.credentials.credentials import AwsAccessKey, AwsRole

WebIdentity = Callable[[], str]  # makes an identity token of the platform for the tenant's audience


def open_session(credential: AwsAccessKey | AwsRole, web_identity: WebIdentity, *, sts_endpoint: str) -> Any:
    """A boto3 session with this credential. It never uses credentials from the environment or from files.

    The session assumes a role with the platform's web identity when a call first needs it, and again before the role's
    session expires. Each time it gets a new token. An empty endpoint means AWS's own, in the credential's region.
    """
    if isinstance(credential, AwsAccessKey):
        return key_session(credential.access_key_id, credential.secret_access_key, region=credential.region)
    from boto3.session import Session  # importing it takes a fifth of a second

    core = _core_session()
    core._credentials = _assumed(core, credential, web_identity, sts_endpoint)
    return Session(region_name=credential.region, botocore_session=core)


def key_session(key_id: str, secret: SecretStr, *, region: str) -> Any:
    """A boto3 session with this key."""
    from boto3.session import Session

    return Session(
        aws_access_key_id=key_id,
        aws_secret_access_key=secret.get_secret_value(),
        region_name=region,
        botocore_session=_core_session(),
    )


def _core_session() -> Any:
    from botocore.session import Session as CoreSession

    core = CoreSession()
    core.set_config_variable("config_file", "/dev/null")
    core.set_config_variable("credentials_file", "/dev/null")
    return core


def _assumed(core: Any, credential: AwsRole, web_identity: WebIdentity, sts_endpoint: str) -> Any:
    from botocore.credentials import AssumeRoleWithWebIdentityCredentialFetcher, DeferredRefreshableCredentials

    def create_client(service: str, **options: Any) -> Any:
        return core.create_client(service, region_name=credential.region, endpoint_url=sts_endpoint or None, **options)

    fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
        client_creator=create_client,
        web_identity_token_loader=web_identity,
        role_arn=credential.role_arn,
        extra_args={"RoleSessionName": "convergence"},
    )
    return DeferredRefreshableCredentials(
        method="assume-role-with-web-identity", refresh_using=fetcher.fetch_credentials
    )
