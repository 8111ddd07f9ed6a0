"""Decides where a webhook may be: which addresses a tenant may name, and to which of them a connection may be made."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

PORTS = (443, 8443)
_LOCAL_HOSTS = ("localhost", "127.0.0.1")
# Networks that Python counts as global, and through which one reaches addresses of other networks, or many at once.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b::/96",  # translated to IPv4, RFC 6052
        "64:ff9b:1::/48",  # the same inside a network, RFC 8215
        "2001::/23",  # protocols, among them tunnels of IPv4
        "2002::/16",  # IPv4 through 6to4, RFC 3056
        "::/96",  # IPv4 in the old form
        "192.88.99.0/24",  # relays of 6to4
        "192.0.0.0/24",  # protocols
        "198.18.0.0/15",  # measurements
        "fec0::/10",  # local to a site
    )
)


def check_url(url: str) -> str:
    """A webhook's address. It raises ValueError if no message would ever be sent there.

    A plain address of this machine passes; `is_local` recognises it, and only some settings allow it.
    """
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in ' \\<>"`{}|^'):
        raise ValueError("must be an address of printable ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("must be an address such as https://example.com/alerts") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("must be an address such as https://example.com/alerts")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not have a user or a password; the signature shows who calls")
    if parts.fragment:
        raise ValueError("must not have a part after #")
    if is_local(url):
        return url
    if parts.scheme != "https":
        raise ValueError("must begin with https://")
    if port not in (None, *PORTS):
        raise ValueError(f"must use port {' or '.join(map(str, PORTS))}")
    if _is_private(parts.hostname):
        raise ValueError("must not be an address of a private network")
    return url


def is_local(url: str) -> bool:
    """Whether this is a plain address of the machine itself, http://localhost."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in _LOCAL_HOSTS


def _is_private(host: str) -> bool:
    """Whether a host needs no resolver to be refused. Any other name is checked when a message is sent."""
    if is_literal(host):
        return not is_public(host)
    last = host.rstrip(".").rpartition(".")[2]
    # A last part that is a number makes the whole an IP address in an old notation, such as 0x7f.1.
    return last == "localhost" or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last) is not None


def is_literal(host: str) -> bool:
    """Whether a host is an IP address and no name. Old notations, such as 0x7f.1, are not: a resolver decides."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, and to one machine there."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a link-local address with a zone, for example
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return is_public(str(found.ipv4_mapped))
    if found.is_multicast or found.is_reserved or found.is_unspecified or found.is_loopback or found.is_link_local:
        return False
    return found.is_global and not any(found.version == net.version and found in net for net in _REFUSED)


def is_loopback(address: str) -> bool:
    """Whether an IP address is one of this machine alone."""
    return is_literal(address) and ipaddress.ip_address(address).is_loopback
