"""Secret Manager through its official client."""

from __future__ import annotations

from collections.abc import Callable

import google_crc32c
import pytest
from google.api_core import exceptions

from devcloud.secret_manager import SecretManager
from tests.devcloud.secret_manager.conftest import PARENT, SECRET, Client

Add = Callable[[bytes], str]


def read(client: Client, version: str) -> bytes:
    return bytes(client.access_secret_version(name=f"{SECRET}/versions/{version}").payload.data)


def point(client: Client, **aliases: int) -> None:
    secret = {"name": SECRET, "version_aliases": aliases}
    client.update_secret(request={"secret": secret, "update_mask": {"paths": ["version_aliases"]}})


def test_a_version_is_read_by_number_latest_and_alias(admin: Client, add: Add) -> None:
    assert add(b"old") == f"{SECRET}/versions/1"
    add(b"new")
    point(admin, current=2, previous=1)

    assert [read(admin, version) for version in ("1", "2", "latest", "current", "previous")] == [
        b"old", b"new", b"new", b"new", b"old",
    ]  # fmt: skip
    assert admin.access_secret_version(name=f"{SECRET}/versions/previous").name == f"{SECRET}/versions/1"


def test_aliases_move_when_the_secret_is_rotated(admin: Client, add: Add) -> None:
    add(b"old")
    point(admin, current=1)
    add(b"new")
    point(admin, current=2, previous=1)

    assert (read(admin, "current"), read(admin, "previous")) == (b"new", b"old")
    assert dict(admin.get_secret(name=SECRET).version_aliases) == {"current": 2, "previous": 1}
    assert dict(admin.get_secret(name=SECRET).labels) == {"used-by": "tests"}


def test_checksums_are_verified_and_returned(admin: Client) -> None:
    payload = {"data": b"x", "data_crc32c": google_crc32c.value(b"x")}
    version = admin.add_secret_version(request={"parent": SECRET, "payload": payload})

    assert version.client_specified_payload_checksum
    assert admin.access_secret_version(name=version.name).payload.data_crc32c == google_crc32c.value(b"x")
    with pytest.raises(exceptions.InvalidArgument, match="checksum"):
        admin.add_secret_version(request={"parent": SECRET, "payload": payload | {"data_crc32c": 1}})


def test_a_disabled_version_is_unreadable_until_enabled(admin: Client, add: Add) -> None:
    name = add(b"x")
    admin.disable_secret_version(name=name)

    # `latest` does not fall back to an older version.
    for version in ("1", "latest"):
        with pytest.raises(exceptions.FailedPrecondition, match="is in DISABLED state"):
            read(admin, version)

    admin.enable_secret_version(name=name)
    assert read(admin, "latest") == b"x"


def test_a_destroyed_version_is_gone_for_good(admin: Client, add: Add) -> None:
    name = add(b"x")

    assert admin.destroy_secret_version(name=name).state.name == "DESTROYED"

    with pytest.raises(exceptions.FailedPrecondition, match="DESTROYED"):
        admin.enable_secret_version(name=name)
    with pytest.raises(exceptions.FailedPrecondition, match="DESTROYED"):
        read(admin, "1")


def test_a_missing_secret_or_version_is_not_found(admin: Client, add: Add) -> None:
    for version in ("latest", "1", "current"):
        with pytest.raises(exceptions.NotFound):
            read(admin, version)
    with pytest.raises(exceptions.NotFound, match="Secret"):
        admin.get_secret(name=f"{PARENT}/secrets/other")


@pytest.mark.parametrize("aliases", [{"current": 7}, {"latest": 1}, {"no blanks": 1}])
def test_an_invalid_alias_is_refused(admin: Client, add: Add, aliases: dict[str, int]) -> None:
    add(b"x")

    with pytest.raises(exceptions.InvalidArgument, match="alias"):
        point(admin, **aliases)


@pytest.mark.parametrize("data", [b"", b"x" * 65_537])
def test_an_empty_or_oversized_payload_is_refused(admin: Client, data: bytes) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        admin.add_secret_version(request={"parent": SECRET, "payload": {"data": data}})


def test_secrets_and_versions_are_listed_and_deleted(admin: Client, add: Add) -> None:
    add(b"old")
    add(b"new")
    assert [secret.name for secret in admin.list_secrets(parent=PARENT)] == [SECRET]
    versions = admin.list_secret_versions(request={"parent": SECRET, "page_size": 1})
    assert [version.name for version in versions] == [f"{SECRET}/versions/2", f"{SECRET}/versions/1"]

    admin.delete_secret(name=SECRET)

    assert list(admin.list_secrets(parent=PARENT)) == []


def test_the_scheduler_reads_the_admin_key_and_nobody_else(
    admin: Client, add: Add, client_of: Callable[..., Client]
) -> None:
    add(b"x")

    assert read(client_of("cvg-scheduler"), "latest") == b"x"
    for account, project in (("cvg-worker", "convergence-test"), ("cvg-scheduler", "tenant-p")):
        with pytest.raises(exceptions.PermissionDenied, match=r"versions.access' denied for resource"):
            read(client_of(account, project), "latest")
    with pytest.raises(exceptions.PermissionDenied):
        client_of("cvg-scheduler").get_secret(name=SECRET)


def test_secrets_survive_a_restart(
    admin: Client,
    add: Add,
    service: SecretManager,
    make_service: Callable[[], SecretManager],
    client_of: Callable[..., Client],
) -> None:
    add(b"x")
    service.stop()
    service.port = make_service().port

    assert read(client_of("devcloud-admin"), "1") == b"x"


def test_a_method_that_is_not_implemented_is_named(admin: Client) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="ttl"):
        admin.create_secret(
            request={
                "parent": PARENT,
                "secret_id": "s",
                "secret": {"replication": {"automatic": {}}, "ttl": {"seconds": 60}},
            }
        )
