"""Opens identities of Entra as the tenant: the one place that knows how a credential becomes one there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from shared import errors
from shared.domain.credentials.credentials import AzureClientSecret, AzureFederated
from shared.runtime.request_time import call_seconds

AssertIdentity = Callable[[], str]  # a new identity token of the platform's, for the audience of the run's tenant
_REFUSED = re.compile(r"AADSTS\d+[^\"\r\n]*")  # Entra's own code and words
_THROTTLED, _PASSING = ("AADSTS90055",), ("AADSTS90024", "AADSTS90033")


@dataclass(frozen=True)
class Identity:
    """An application; `credential` is the SDK's. Its errors are ours: storage clients would try the SDK's again."""

    credential: Any

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """A token; CredentialsRejected, SourceThrottled or Unavailable when there is none."""
        from azure.core.exceptions import AzureError

        try:
            return self.credential.get_token(*scopes, **options)
        except AzureError as error:
            failure = _meaning(error)
            raise failure from error


def open_identity(
    credential: AzureClientSecret | AzureFederated, assertion: AssertIdentity, *, authority: str
) -> Identity:
    """The credential's application; it looks for no other one, neither in the environment nor in files.

    A federated application's tokens are asked for with the platform's identity, each time with a new one. An empty
    authority is Entra's own.
    """
    from azure.identity import ClientAssertionCredential, ClientSecretCredential  # imported only by runs that need it

    # Nothing ends a call that is under way, and the SDK's own limits are ten retries and five minutes a call.
    limits = {"retry_total": 3, "connection_timeout": call_seconds(10), "read_timeout": call_seconds(30)}
    where: dict[str, Any] = {"authority": authority, "disable_instance_discovery": True} if authority else {}
    where |= limits
    if isinstance(credential, AzureFederated):
        return Identity(ClientAssertionCredential(credential.tenant_id, credential.client_id, assertion, **where))
    secret = credential.client_secret.get_secret_value()
    return Identity(ClientSecretCredential(credential.tenant_id, credential.client_id, secret, **where))


def _meaning(error: Any) -> errors.ConvergenceError:
    message = next(filter(None, map(_message_of, _causes(error))), str(error.message))
    message = (message.splitlines() or [""])[0][:200]
    if getattr(getattr(error, "response", None), "status_code", 0) == 429:
        return errors.SourceThrottled("Entra asks to slow down")
    if message.startswith(_THROTTLED):
        return errors.SourceThrottled("Entra asks to slow down")
    if message.startswith(_PASSING):
        return errors.Unavailable(f"Entra asks to try again: {message}")
    if _REFUSED.search(message):
        return errors.CredentialsRejected(f"Azure refuses the application: {message}")
    return errors.Unavailable(f"Entra did not answer: {message}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from: the SDK words an unknown directory anew, and leaves out Entra's own words."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _message_of(error: BaseException) -> str:
    """What Entra says in an error; empty if it says nothing."""
    found = _REFUSED.search(str(error))
    return found[0] if found else ""
