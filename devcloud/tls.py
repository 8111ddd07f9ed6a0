"""Certificates for this cloud's services. An authority signs one certificate for all, and its key is not kept."""

from __future__ import annotations

import ipaddress
import shutil
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID = timedelta(days=3650)
# The only service whose address cannot be set in its clients; see devcloud/egress.py.
IAM_CREDENTIALS = "iamcredentials.googleapis.com"
_NAMES = x509.SubjectAlternativeName(
    [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.DNSName(IAM_CREDENTIALS),
    ]
)


class Tls:
    """The certificate files of a state directory. They are made once and kept, so that clients go on trusting them."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "tls"
        if self._folder.exists() and not self._has_all_names():
            shutil.rmtree(self._folder)  # the folder of an earlier release has certificates for fewer services
        if not self._folder.exists():
            self._issue()

    @property
    def ca_path(self) -> Path:
        """The file for GRPC_DEFAULT_SSL_ROOTS_FILE_PATH and REQUESTS_CA_BUNDLE."""
        return (self._folder / "ca.pem").resolve()

    def server_credentials(self) -> grpc.ServerCredentials:
        """The credentials of a gRPC server."""
        pair = (self._folder / "server.key").read_bytes(), (self._folder / "server.pem").read_bytes()
        return grpc.ssl_server_credentials([pair])

    def server_context(self) -> ssl.SSLContext:
        """The credentials of any other server."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._folder / "server.pem", self._folder / "server.key")
        return context

    def _has_all_names(self) -> bool:
        server = x509.load_pem_x509_certificate((self._folder / "server.pem").read_bytes())
        return server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == _NAMES

    def _issue(self) -> None:
        partial = self._folder.with_name("tls.partial")
        partial.mkdir(parents=True, exist_ok=True)
        authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority = _certificate("devcloud throwaway authority", authority_key, authority_key, issuer=None)
        server = _certificate("localhost", server_key, authority_key, issuer=authority)
        key_file = partial / "server.key"
        key_file.touch(mode=0o600)
        key_file.write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (partial / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
        (partial / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        # The folder appears complete or not at all, also when the process dies here.
        partial.rename(self._folder)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signing_key: ec.EllipticCurvePrivateKey,
    *,
    issuer: x509.Certificate | None,
) -> x509.Certificate:
    """A certificate for `key`; without `issuer` it is the certificate of an authority, which signs itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        # Since 3.13 Python checks a chain by RFC 5280, which requires these extensions.
        .add_extension(_key_usage(is_authority=issuer is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    if issuer is not None:
        builder = builder.add_extension(_NAMES, critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
