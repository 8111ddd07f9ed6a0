"""The certificate authority of one devcloud process signs certificates that clients accept."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509

from devcloud import tls
from devcloud.tls import IAM_CREDENTIALS, Tls


def test_the_certificate_stays_the_same_after_a_restart(tmp_path: Path) -> None:
    first = Tls(tmp_path).ca_path.read_bytes()

    assert Tls(tmp_path).ca_path.read_bytes() == first


def test_the_server_certificate_is_signed_by_the_authority(tmp_path: Path) -> None:
    folder = Tls(tmp_path).ca_path.parent
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    server = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())

    server.verify_directly_issued_by(authority)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", IAM_CREDENTIALS])
def test_a_client_that_is_as_strict_as_a_newer_python_trusts_the_server(tmp_path: Path, name: str) -> None:
    tls = Tls(tmp_path)
    strict = ssl.create_default_context(cafile=tls.ca_path)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = strict.wrap_bio(to_client, to_server, server_hostname=name)
    server = tls.server_context().wrap_bio(to_server, to_client, server_side=True)

    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()

    assert client.version() == "TLSv1.3"


def test_only_its_owner_can_read_the_key_file(tmp_path: Path) -> None:
    assert (Tls(tmp_path).ca_path.parent / "server.key").stat().st_mode & 0o077 == 0


def test_a_certificate_that_lacks_a_service_is_created_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(tls, "_NAMES", x509.SubjectAlternativeName([x509.DNSName("localhost")]))
        former = Tls(tmp_path).ca_path.read_bytes()

    assert Tls(tmp_path).ca_path.read_bytes() != former
