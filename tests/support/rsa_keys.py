"""Makes RSA private keys of any numbers, also of numbers that no library would use."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from math import lcm
from typing import Any

from cryptography.hazmat.primitives import serialization

_OID = bytes.fromhex("06092a864886f70d0101010500")
PKCS1 = "RSA PRIVATE KEY"
LONG = (1 << 7_699) + 1  # OpenSSL took half a minute for a prime of this length


@dataclass(frozen=True)
class Numbers:
    """The numbers of an RSAPrivateKey, in the order of the format."""

    version: int
    modulus: int
    public: int
    private: int
    p: int
    q: int
    private_p: int
    private_q: int
    q_inverse: int


def whole(p: int, q: int, public: int) -> Numbers:
    """The key of two factors, prime or not, and a public exponent."""
    private = pow(public, -1, lcm(p - 1, q - 1))
    return Numbers(0, p * q, public, private, p, q, private % (p - 1), private % (q - 1), pow(q, -1, p))


def slow_key() -> Numbers:
    """A key in 4,096 characters with a long and a short factor, and a public exponent as long as the modulus."""
    return whole(65_539, LONG, pow(65_537, -1, lcm(65_538, LONG - 1)))


def der(tag: int, content: bytes) -> bytes:
    """One value with its tag and length."""
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x80 | len(length)]) + length) + content


def integer(number: int) -> bytes:
    """A number as DER."""
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def pkcs1(numbers: Numbers) -> bytes:
    """The key as RFC 8017 has it."""
    return der(0x30, b"".join(map(integer, vars(numbers).values())))


def pkcs8(numbers: Numbers) -> bytes:
    """The key as RFC 5208 has it, and Google's key files."""
    return der(0x30, integer(0) + der(0x30, _OID) + der(4, pkcs1(numbers)))


def pem(content: bytes, kind: str = "PRIVATE KEY") -> str:
    """DER as PEM."""
    return f"-----BEGIN {kind}-----\n{base64.encodebytes(content).decode()}-----END {kind}-----\n"


def exported(key: Any, form: str = "PKCS8") -> str:
    """A key of the cryptography package as PEM."""
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    text: bytes = key.private_bytes(encoding, getattr(serialization.PrivateFormat, form), plain)
    return text.decode()
