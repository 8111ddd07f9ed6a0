"""Which addresses a webhook may have: public ones, by HTTPS. Everything that leads elsewhere is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from shared.domain.alerts.addresses import check_url, is_public
from shared.domain.alerts.rules import WebhookRule

PUBLIC = ("93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8")
NOT_PUBLIC = {
    "loopback": "127.0.0.1",
    "another loopback": "127.8.8.8",
    "this host": "0.0.0.0",  # noqa: S104 - an address that is refused
    "10/8": "10.1.2.3",
    "172.16/12": "172.16.0.1",
    "the end of 172.16/12": "172.31.255.255",
    "192.168/16": "192.168.0.1",
    "metadata of clouds": "169.254.169.254",
    "carrier-grade NAT": "100.64.0.1",
    "the end of carrier-grade NAT": "100.127.255.255",
    "protocols": "192.0.0.8",
    "documentation": "192.0.2.1",
    "measurements": "198.18.0.1",
    "relays": "192.88.99.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "loopback 6": "::1",
    "unspecified 6": "::",
    "private 6": "fd00::1",
    "metadata of AWS 6": "fd00:ec2::254",
    "link-local 6": "fe80::1",
    "link-local 6 with a zone": "fe80::1%eth0",
    "site-local 6": "fec0::1",
    "multicast 6": "ff02::1",
    "documentation 6": "2001:db8::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:169.254.169.254",
    "mapped in hexadecimal": "::ffff:a9fe:a9fe",
    "compatible": "::127.0.0.1",
    "translated": "64:ff9b::a9fe:a9fe",
    "translated locally": "64:ff9b:1::a9fe:a9fe",
    "6to4": "2002:a9fe:a9fe::1",
    "Teredo": "2001:0:a9fe:a9fe::1",
    "no address": "metadata.google.internal",
}
REFUSED = {
    "plain": "http://example.com/",
    "another scheme": "ftp://example.com/",
    "no scheme": "example.com",
    "no host": "https:///alerts",
    "another port": "https://example.com:22/",
    "plain port": "https://example.com:80/",
    "no port": "https://example.com:99999/",
    "a password": "https://user:secret@example.com/",
    "a user": "https://metadata@example.com/",
    "a fragment": "https://example.com/#part",
    "a space": "https://example.com/a b",
    "a line": "https://example.com/\r\nHost: other",
    "a backslash": "https://example.com\\@169.254.169.254/",
    "letters of another script": "https://exаmple.com/",  # noqa: RUF001 - a Cyrillic letter
    "metadata": "https://169.254.169.254/computeMetadata/v1/",
    "loopback": "https://127.0.0.1/",
    "loopback 6": "https://[::1]/",
    "this machine's name": "https://localhost/",
    "this machine's name with a dot": "https://LOCALHOST.:8443/",
    "a name below it": "https://alerts.localhost/",
    "a private network": "https://192.168.0.1:8443/",
    "an old notation": "https://0x7f.1/",
    "a number": "https://2130706433/",
    "a literal with a dot": "https://10.0.0.1./",
    "mapped": "https://[::ffff:10.0.0.1]/",
    "half a bracket": "https://[::1/",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC)
def test_any_other_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://example.com:8443/a?b=c", "https://8.8.8.8/", "http://localhost:8080/x"]
)
def test_an_address_of_a_receiver_passes(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_an_address_that_leads_elsewhere_is_refused_when_it_is_set(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookRule.model_validate({"url": url})
    (error,) = caught.value.errors(include_url=False)
    assert error["msg"].startswith("Value error, must ")
