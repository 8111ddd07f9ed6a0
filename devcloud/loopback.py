"""Lets this process reach loopback directly, even if the environment names a proxy."""

from __future__ import annotations

import os

ADDRESSES = ("127.0.0.1", "localhost")


def reach_loopback_directly() -> None:
    """Add loopback to the environment's list of hosts that are reached without a proxy.

    A proxy cannot reach services on this machine, but few environments exclude loopback. The variable is set in both
    spellings: gRPC reads only the lower case, curl reads both.
    """
    exempt = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name for name in exempt.split(",") if name.strip()]
    names += [address for address in ADDRESSES if address not in names and "*" not in names]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(names)
