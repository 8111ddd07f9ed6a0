"""RSA keys, and the certificate with which devcloud signs OIDC tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt

_VALID = timedelta(days=3650)


def new_key(*, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A new RSA key, by default of the size that Google uses."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def signer(pem: str, key_id: str) -> crypt.RSASigner:
    """A signer for a key that `new_key` made; unlike google-auth's, it does not check the key's primes again."""
    key = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    return crypt.RSASigner(key, key_id)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    """The private key as a service-account key file carries it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """The public half."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def self_signed_certificate(key: rsa.RSAPrivateKey, name: str) -> str:
    """A PEM certificate for `key`, as Google's certificate endpoint serves them."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
