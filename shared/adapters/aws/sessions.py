"""A session with AWS as the tenant: the one place that knows how a credential becomes an identity there."""

from __future__ import annotations

from typing import Any

from shared.domain.credentials.credentials import AwsAccessKey, AwsRole
from shared.errors import CredentialsRejected


def open_session(credential: AwsAccessKey | AwsRole) -> Any:
    """A boto3 session that knows this credential and looks for no other, neither in the environment nor in files."""
    from boto3.session import Session  # it takes a fifth of a second, which only runs that need it should spend
    from botocore.session import Session as CoreSession

    if not isinstance(credential, AwsAccessKey):
        raise CredentialsRejected("roles cannot be assumed yet; store an access key that may read the bucket")
    core = CoreSession()
    core.set_config_variable("config_file", "/dev/null")
    core.set_config_variable("credentials_file", "/dev/null")
    return Session(
        aws_access_key_id=credential.access_key_id,
        aws_secret_access_key=credential.secret_access_key.get_secret_value(),
        region_name=credential.region,
        botocore_session=core,
    )
