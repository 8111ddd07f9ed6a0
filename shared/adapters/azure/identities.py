"""Opens identities at Entra with a tenant's credential. No other module turns a credential into an identity there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from shared import errors
from shared.domain.credentials.credentials import AzureClientSecret, AzureFederated
from shared.runtime.request_time import call_seconds

AssertIdentity = Callable[[], str]  # makes an identity token of the platform for the tenant's audience
_REFUSED = re.compile(r"AADSTS\d+[^\"\r\n]*")  # Entra's own code and words
_THROTTLED, _PASSING = ("AADSTS90055",), ("AADSTS90024", "AADSTS90033")


@dataclass(frozen=True)
class Identity:
    """An application at Entra. `credential` is the SDK's.

    It raises the product's errors, because a storage client would repeat a call that ends with one of the SDK's.
    """

    credential: Any

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """A new token. It raises CredentialsRejected, SourceThrottled or Unavailable if Entra gives none."""
        from azure.core.exceptions import AzureError

        try:
            return self.credential.get_token(*scopes, **options)
        except AzureError as error:
            failure = _meaning(error)
            raise failure from error


def open_identity(
    credential: AzureClientSecret | AzureFederated, assertion: AssertIdentity, *, authority: str
) -> Identity:
    """Open the credential's application. It never uses credentials from the environment or from files.

    A federated application proves itself with the platform's identity token, each time with a new one. An empty
    authority means Entra's own.
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
    """The error and its causes, because the SDK's own error for an unknown directory lacks Entra's words."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _message_of(error: BaseException) -> str:
    """Entra's words in an error, or an empty text."""
    found = _REFUSED.search(str(error))
    return found[0] if found else ""
