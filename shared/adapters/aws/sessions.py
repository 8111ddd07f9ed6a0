"""Opens sessions with AWS as the tenant: the one place that knows how a credential becomes an identity there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.domain.credentials.credentials import AwsAccessKey, AwsRole

WebIdentity = Callable[[], str]  # a new identity token of the platform's, for the audience of the run's tenant


def open_session(credential: AwsAccessKey | AwsRole, web_identity: WebIdentity, *, sts_endpoint: str) -> Any:
    """A boto3 session with this credential; it looks for no other one, neither in the environment nor in files.

    A role is assumed with the platform's web identity when a call first needs it, and again before it expires; each
    time a new token is asked for. An empty endpoint is AWS's own, in the credential's region.
    """
    from boto3.session import Session  # it takes a fifth of a second, which only runs that need it should spend
    from botocore.session import Session as CoreSession

    core = CoreSession()
    core.set_config_variable("config_file", "/dev/null")
    core.set_config_variable("credentials_file", "/dev/null")
    if isinstance(credential, AwsRole):
        core._credentials = _assumed(core, credential, web_identity, sts_endpoint)
        return Session(region_name=credential.region, botocore_session=core)
    return Session(
        aws_access_key_id=credential.access_key_id,
        aws_secret_access_key=credential.secret_access_key.get_secret_value(),
        region_name=credential.region,
        botocore_session=core,
    )


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
