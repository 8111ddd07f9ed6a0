"""Private keys of tenants: keys like Google's pass, and keys that OpenSSL would check for long are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.credentials.rsa_keys import plain_rsa_pem
from tests.support.rsa_keys import LONG, PKCS1, Numbers, exported, pem, pkcs1, pkcs8, slow_key, whole


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def good(key: rsa.RSAPrivateKey) -> Numbers:
    numbers = key.private_numbers()
    return whole(numbers.p, numbers.q, 65537)


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_a_key_passes_however_its_lines_are_broken(key: rsa.RSAPrivateKey, form: str) -> None:
    plain = exported(key, form)
    header, *body, footer = plain.strip().split("\n")
    for text in (
        plain,
        plain.replace("\n", "\r\n"),
        f"{header}\n{''.join(body)}\n{footer}",
        f"{header} {' '.join(body)} {footer}",
        f"Bag Attributes: none\n{plain}\n",
    ):
        assert plain_rsa_pem(text) == plain


def test_a_key_that_passes_is_the_same_key(key: rsa.RSAPrivateKey, good: Numbers) -> None:
    for text in (pem(pkcs8(good)), pem(pkcs1(good), PKCS1)):
        loaded = serialization.load_pem_private_key(plain_rsa_pem(text).encode(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        assert loaded.private_numbers().p == key.private_numbers().p


def test_keys_of_other_kinds_are_refused() -> None:
    others = (
        ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate(),
        dsa.generate_private_key(1024),  # noqa: S505 - the test expects a refusal
    )
    for text in [*map(exported, others), exported(others[0], "TraditionalOpenSSL")]:
        with pytest.raises(ValueError, match="RSA private key"):
            plain_rsa_pem(text)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (slow_key(), "1024 to 4096 bits"),
        (whole(65_539, (1 << 4_000) + 1, 65_537), "factors"),
        (whole((1 << 1_500) + 1, (1 << 500) + 3, 65_537), "factors"),
        (whole((1 << 256) + 1, (1 << 255) + 3, 65_537), "1024 to 4096 bits"),
        (whole((1 << 2_200) + 1, (1 << 2_199) + 3, 65_537), "1024 to 4096 bits"),
        (whole((1 << 1_024) + 1, (1 << 1_023) + 9, (1 << 32) + 15), "exponent"),
    ],
)
def test_a_key_of_another_shape_is_refused_before_openssl_sees_it(numbers: Numbers, message: str) -> None:
    for text in (pem(pkcs8(numbers)), pem(pkcs1(numbers), PKCS1)):
        with pytest.raises(ValueError, match=message):
            plain_rsa_pem(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 1},
        {"modulus": -1},
        {"p": LONG},
        {"q": LONG},
        {"public": 1},
        {"public": 65_538},
        {"private": LONG},
        {"private_p": LONG},
        {"private_q": 3},
        {"q_inverse": LONG},
    ],
)
def test_numbers_that_do_not_belong_together_are_refused(good: Numbers, changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"factors|exponent|whole|private key"):
        plain_rsa_pem(pem(pkcs8(replace(good, **changes))))


def test_two_keys_in_one_text_are_refused(key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(ValueError, match="one RSA private key"):
        plain_rsa_pem(exported(key) + exported(key))


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_key_is_refused_and_never_quoted(good: Numbers, data: st.DataObject) -> None:
    content = bytearray(pkcs8(good))
    for place in data.draw(st.sets(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[place] ^= data.draw(st.integers(1, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    with pytest.raises(ValueError, match=r"\A(?:is not|must) [a-zA-Z0-9,: ]+\Z") as refusal:
        plain_rsa_pem(pem(cut) if cut else "")
    assert refusal.value.__cause__ is None
