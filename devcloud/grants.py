"""The grants of configs/platform.yml as Google's permissions on resources outside BigQuery."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from devcloud.identity import Caller
from devcloud.identity.identity import account_email
from shared.configuration.platform_config import Platform, ServiceAccount

ACT_AS = "iam.serviceAccounts.actAs"
CREATE_TASK = "cloudtasks.tasks.create"
DECRYPT = "cloudkms.cryptoKeyVersions.useToDecrypt"
ENCRYPT = "cloudkms.cryptoKeyVersions.useToEncrypt"
READ_SECRET = "secretmanager.versions.access"  # noqa: S105 - a permission's name


@dataclass(frozen=True)
class Grant:
    """One permission of one account on the resource with `path` in its name, and on all that is in it."""

    email: str
    permission: str
    path: str


class Grants:
    """Decides about rights. devcloud-admin has all rights. No account has rights outside the platform's project."""

    def __init__(self, project: str, grants: Iterable[Grant]) -> None:
        self._project, self._grants = project, tuple(grants)

    @classmethod
    def of_platform(cls, platform: Platform, project: str) -> Grants:
        """The grants that the service accounts of configs/platform.yml have."""
        accounts = platform.service_accounts.values()
        return cls(project, [grant for account in accounts for grant in _grants_of(platform, account, project)])

    def allows(self, caller: Caller, permission: str, resource: str) -> bool:
        """Whether a caller has a permission on a resource, given by its full name."""
        if not caller.is_platform or not f"{resource}/".startswith(f"projects/{self._project}/"):
            return False
        return caller.is_admin or any(
            grant.email == caller.email and grant.permission == permission and f"/{grant.path}/" in f"{resource}/"
            for grant in self._grants
        )


def _grants_of(platform: Platform, account: ServiceAccount, project: str) -> Iterable[Grant]:
    email = account_email(account.id, project)
    key = f"keyRings/{platform.kms.key_ring}/cryptoKeys/{platform.kms.key}"
    uses: dict[Literal["encrypt", "decrypt"], str] = {"encrypt": ENCRYPT, "decrypt": DECRYPT}
    yield from (Grant(email, uses[use], key) for use in account.kms)
    yield from (Grant(email, READ_SECRET, f"secrets/{platform.secrets[name].id}") for name in account.secrets)
    yield from (Grant(email, CREATE_TASK, f"queues/{platform.queues[name].id}") for name in account.queues)
    if account.queues:
        # A task calls a function as the tasks' invoker, so its creator needs the right to act as that account.
        invoker = account_email(platform.service_accounts["tasks_invoker"].id, project)
        yield Grant(email, ACT_AS, f"serviceAccounts/{invoker}")
