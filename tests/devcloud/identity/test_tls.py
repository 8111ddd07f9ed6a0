"""The throwaway authority."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from devcloud import tls
from devcloud.tls import Tls


def test_the_certificate_outlives_a_restart(tmp_path: Path) -> None:
    first = Tls(tmp_path).ca_path.read_bytes()

    assert Tls(tmp_path).ca_path.read_bytes() == first


def test_the_server_certificate_is_signed_by_the_authority(tmp_path: Path) -> None:
    folder = Tls(tmp_path).ca_path.parent
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    server = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())

    server.verify_directly_issued_by(authority)


def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    assert (Tls(tmp_path).ca_path.parent / "server.key").stat().st_mode & 0o077 == 0


def test_a_certificate_that_lacks_a_service_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(tls, "_NAMES", x509.SubjectAlternativeName([x509.DNSName("localhost")]))
        former = Tls(tmp_path).ca_path.read_bytes()

    assert Tls(tmp_path).ca_path.read_bytes() != former
