"""Checks a tenant's private key before OpenSSL does, because OpenSSL may need minutes for a malicious key.

OpenSSL tests whether the factors are prime, with the interpreter locked. That is quick for the keys that Google makes
and for all others of their shape; so only keys of that shape are passed to OpenSSL. Plain arithmetic checks the shape
in microseconds.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from math import lcm

_PEM = re.compile(r"-----BEGIN (?P<kind>(?:RSA )?PRIVATE KEY)-----(?P<body>[A-Za-z0-9+/=\s]+)-----END (?P=kind)-----")
_BEGIN = "-----BEGIN "
_RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d010101")  # object id 1.2.840.113549.1.1.1, with tag and length
_INTEGER, _OCTET_STRING, _SEQUENCE = 0x02, 0x04, 0x30
_MIN_BITS, _MAX_BITS = 1024, 4096
_MAX_EXPONENT_BITS = 32  # every key that Google makes has 65,537
_SLACK_BITS = 8  # the lengths of the two factors may differ by so many bits


def plain_rsa_pem(text: str) -> str:
    """The RSA key of a PEM text, as plain PEM. Any other text raises a ValueError that quotes nothing."""
    found = _PEM.search(text)
    if found is None or text.count(_BEGIN) != 1:
        raise ValueError("is not one RSA private key in PEM")
    kind = found["kind"]
    try:
        der = base64.b64decode("".join(found["body"].split()), validate=True)
        numbers = _pkcs1_numbers(der if kind.startswith("RSA") else _inner_key(der))
    except ValueError:
        raise ValueError("is not an RSA private key") from None
    _check_numbers(numbers)
    lines = base64.b64encode(der).decode()
    body = "\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


def _check_numbers(numbers: Sequence[int]) -> None:
    version, modulus, public, private, p, q, private_p, private_q, q_inverse = numbers
    bits = modulus.bit_length()
    if not _MIN_BITS <= bits <= _MAX_BITS:
        raise ValueError(f"must be an RSA key of {_MIN_BITS} to {_MAX_BITS} bits")
    if not (public > 2 and public.bit_length() <= _MAX_EXPONENT_BITS and public % 2):
        raise ValueError(f"must have an odd public exponent of at most {_MAX_EXPONENT_BITS} bits")
    if version or max(p.bit_length(), q.bit_length()) > bits // 2 + _SLACK_BITS or p * q != modulus:
        raise ValueError("must have two factors of about the same length")
    is_whole = (
        public * private % lcm(p - 1, q - 1) == 1
        and private < modulus
        and (private_p, private_q) == (private % (p - 1), private % (q - 1))
        and q_inverse < p
        and q_inverse * q % p == 1
    )
    if not is_whole:
        raise ValueError("is not a whole RSA key: its numbers do not belong together")


def _pkcs1_numbers(der: bytes) -> list[int]:
    """The nine numbers of RFC 8017's RSAPrivateKey."""
    (sequence,) = _read(der, _SEQUENCE)
    numbers = [int.from_bytes(content, "big", signed=True) for content in _read(sequence, *[_INTEGER] * 9)]
    if min(numbers) < 0 or min(numbers[1:]) < 1:
        raise ValueError("a number is negative")
    return numbers


def _inner_key(der: bytes) -> bytes:
    """The RSAPrivateKey in RFC 5208's PrivateKeyInfo of version 0, without attributes."""
    (info,) = _read(der, _SEQUENCE)
    version, algorithm, key = _read(info, _INTEGER, _SEQUENCE, _OCTET_STRING)
    if version != b"\x00" or algorithm not in (_RSA_ENCRYPTION, _RSA_ENCRYPTION + b"\x05\x00"):
        raise ValueError("another kind of key")
    return key


def _read(der: bytes, *tags: int) -> list[bytes]:
    """The contents of exactly these values, one after the other; ValueError for anything else."""
    found = list(_values(der))
    if tuple(tag for tag, _ in found) != tags:
        raise ValueError("another structure")
    return [content for _, content in found]


def _values(der: bytes) -> Iterator[tuple[int, bytes]]:
    while der:
        if len(der) < 2:
            raise ValueError("cut short")
        tag, length, start = der[0], der[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[2:start], "big")
        if len(der) < start + length:
            raise ValueError("cut short")
        yield tag, der[start : start + length]
        der = der[start + length :]
