"""Completes a compiled lock for old versions of pip: each pin with an extra gets a pin without the extra.

pip before 24.0 looks for the distribution of `name[extra]==version` among all releases, unless the lock also has
`name==version`. As soon as a newer release exists, pip takes that one, finds no hash for it in the lock, and fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]+\])?==(?P<version>[^ ;\\]+)(?P<marker> ;[^\\]*)?", re.M
)


@dataclass(frozen=True)
class Pin:
    """One pinned distribution of a lock; `marker` says where it is installed, empty for everywhere."""

    name: str
    extras: frozenset[str]
    version: str
    marker: str


def normalised(name: str) -> str:
    """A distribution's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> list[Pin]:
    """The pins of a lock's text, in its order."""
    return [
        Pin(
            name=normalised(found["name"]),
            extras=frozenset(extra.strip() for extra in (found["extras"] or "[]")[1:-1].split(",") if extra.strip()),
            version=found["version"],
            marker=(found["marker"] or "").removeprefix(" ;").strip(),
        )
        for found in _PIN.finditer(lock)
    ]


def closed(lock: str) -> str:
    """The lock. Before each pin with extras stands one with the same version, marker and hashes, but without extras."""
    return "".join(_both(block) for block in _blocks(lock))


def _blocks(lock: str) -> Iterator[str]:
    """A lock's pins, each with its hashes and comments."""
    starts = [found.start() for found in _PIN.finditer(lock)]
    yield lock[: starts[0]]
    for start, end in zip(starts, [*starts[1:], len(lock)], strict=True):
        yield lock[start:end]


def _both(block: str) -> str:
    found = _PIN.match(block)
    if found is None or not found["extras"]:
        return block
    pin_and_hashes = [line for line in block.splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(pin_and_hashes).replace(found["extras"], "", 1) + "\n" + block
