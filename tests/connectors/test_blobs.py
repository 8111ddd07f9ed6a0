"""A container of Blob storage as an object store, over the SDK, against a server that checks tokens and ETags."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from azure.core.exceptions import ClientAuthenticationError

from shared.adapters.azure.blobs import BlobContainer, open_container
from shared.adapters.azure.identities import Identity
from shared.connectors.objects.object_file import ObjectFile
from shared.domain.credentials.credentials import AzureClientSecret, AzureFederated
from shared.errors import (
    ConvergenceError,
    CredentialsRejected,
    ReadBroken,
    SourceNotFound,
    SourceThrottled,
    StepFailed,
    Unavailable,
)
from tests.support.local_blobs import ACCOUNT, CLIENT, LocalBlobs, local_blobs
from tests.support.stores.programs import free_ports

CONTENT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBlobs]:
    with local_blobs(tmp_path_factory.mktemp("azure")) as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(started.certificate))
        yield started


@pytest.fixture(scope="module")
def container(azure: LocalBlobs) -> str:
    name = azure.make_container()
    for key in ("exports/costs/file", "exports-other/file", "exports", "exports/../file"):
        azure.put(name, key, CONTENT)
    return name


def opened(azure: LocalBlobs, container: str, prefix: str = "exports", **other: str) -> BlobContainer:
    credential = AzureClientSecret(**azure.credentials(container, prefix, **other)["credentials"])
    return open_container(credential, str, endpoint=azure.endpoint, authority=azure.endpoint)


@pytest.mark.parametrize("cuts", [1, 4])
def test_a_download_that_breaks_off_goes_on(
    azure: LocalBlobs, container: str, monkeypatch: pytest.MonkeyPatch, cuts: int
) -> None:
    monkeypatch.setattr("azure.storage.blob._download.time", SimpleNamespace(sleep=lambda _: None))
    store = opened(azure, container)
    (listed,) = store.list()
    azure.cuts = cuts
    with ObjectFile(store, listed) as file:
        assert file.read() == CONTENT
    assert azure.cuts == 0


def test_a_download_that_breaks_off_again_and_again_is_reported(
    azure: LocalBlobs, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure.storage.blob._download.time", SimpleNamespace(sleep=lambda _: None))
    store = opened(azure, container)
    (listed,) = store.list()
    monkeypatch.setattr(azure, "cuts", 3)  # as often as the SDK tries
    with pytest.raises(ReadBroken, match="the download broke off"):
        store.open(listed, start=0, end=listed.size)


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        ((403, "AuthorizationPermissionMismatch"), SourceNotFound, "grant Storage Blob Data Reader on the container"),
        ((403, "AuthorizationFailure"), SourceNotFound, "firewall refuses the platform; allow public network access"),
        ((409, "BlobArchived"), SourceNotFound, "is archived; move it to an online tier"),
        ((409, "LeaseIdMissing"), StepFailed, "Azure answered LeaseIdMissing"),
    ],
)
def test_an_answer_ends_a_run_in_its_words(
    azure: LocalBlobs, container: str, failure: tuple[int, str], kind: type[ConvergenceError], words: str
) -> None:
    azure.failures.append(failure)
    with pytest.raises(kind, match=words):
        list(opened(azure, container).list())


def test_throttling_is_reported_once_the_tries_are_used_up(
    azure: LocalBlobs, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.azure.blobs._RETRIES", 0)
    azure.failures.append((503, "ServerBusy"))
    with pytest.raises(SourceThrottled, match="asks to slow down"):
        list(opened(azure, container).list())


def test_refusal_of_an_application_has_entras_words(azure: LocalBlobs, container: str) -> None:
    with pytest.raises(CredentialsRejected, match="AADSTS7000215: Invalid client secret"):
        list(opened(azure, container, client_secret="x" * 20).list())
    with pytest.raises(SourceNotFound, match="there is no such container"):
        list(opened(azure, "no-such-container").list())


def test_a_directory_that_entra_does_not_know_is_refused_in_its_words(azure: LocalBlobs, container: str) -> None:
    with pytest.raises(CredentialsRejected, match=f"AADSTS90002: Tenant '{CLIENT}' not found"):
        list(opened(azure, container, tenant_id=CLIENT).list())


def test_an_entra_that_does_not_answer_is_an_outage(
    azure: LocalBlobs, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.sleep", lambda *_: None)
    credential = AzureClientSecret(**azure.credentials(container, "exports")["credentials"])
    (port,) = free_ports(1)
    store = open_container(credential, str, endpoint=azure.endpoint, authority=f"https://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match="Entra did not answer"):
        list(store.list())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AADSTS90055", SourceThrottled),
        ("AADSTS90024", Unavailable),
        ("AADSTS90033", Unavailable),
        ("AADSTS700024", CredentialsRejected),
    ],
)
def test_an_error_of_entra_that_passes_is_tried_again(code: str, kind: type[ConvergenceError]) -> None:
    def refuse(*scopes: str) -> None:
        raise ClientAuthenticationError(message=f"Authentication failed: {code}: Entra's words")

    with pytest.raises(kind):
        Identity(SimpleNamespace(get_token=refuse)).get_token("any")


def test_a_federated_application_of_another_directory_is_refused_in_entras_words(
    azure: LocalBlobs, container: str
) -> None:
    content = azure.credentials(container, "exports", client_secret=None, federated_credential={})["credentials"]
    stranger = AzureFederated(**content | {"tenant_id": CLIENT})
    store = open_container(stranger, lambda: "a token", endpoint=azure.endpoint, authority=azure.endpoint)
    with pytest.raises(CredentialsRejected, match="AADSTS90002"):
        list(store.list())


def test_an_application_is_trusted_without_a_secret(azure: LocalBlobs, container: str) -> None:
    content = azure.credentials(container, "exports", client_secret=None, federated_credential={})["credentials"]
    assert (content["client_id"], content["storage_account"]) == (CLIENT, ACCOUNT)
    store = open_container(
        AzureFederated(**content), lambda: "the platform's token", endpoint=azure.endpoint, authority=azure.endpoint
    )
    assert [found.key for found in store.list()] == ["exports/costs/file"]
    assert azure.assertions == ["the platform's token"]
