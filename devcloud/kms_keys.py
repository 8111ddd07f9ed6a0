"""The key rings, keys and versions that devcloud's KMS keeps, with the secret material of each version."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud.kms_v1.types import resources

from devcloud.database import Database, Row
from devcloud.grpc_service import already_exists, failed_precondition, invalid_argument, not_found
from devcloud.messages import instant, seconds_of

State = resources.CryptoKeyVersion.CryptoKeyVersionState
ALGORITHM = resources.CryptoKeyVersion.CryptoKeyVersionAlgorithm.GOOGLE_SYMMETRIC_ENCRYPTION
SOFTWARE = resources.ProtectionLevel.SOFTWARE

_SCHEMA = """
CREATE TABLE IF NOT EXISTS key_ring (name TEXT PRIMARY KEY, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS crypto_key (
  name TEXT PRIMARY KEY, ring TEXT NOT NULL REFERENCES key_ring, message BLOB NOT NULL, primary_number INTEGER,
  next_rotation_at REAL
);
CREATE TABLE IF NOT EXISTS version (
  key TEXT NOT NULL REFERENCES crypto_key, number INTEGER NOT NULL, state INTEGER NOT NULL, material BLOB,
  created_at REAL NOT NULL, destroy_at REAL, PRIMARY KEY (key, number)
);
"""


class KeyStore:
    """Stores keys. Every call first does the rotations and the destruction of versions that are due."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._database, self._now = Database(path, _SCHEMA), now

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._database.close()

    def create_ring(self, name: str) -> resources.KeyRing:
        """Store a new key ring; raises ALREADY_EXISTS."""
        with self._database.transaction():
            if self._database.row("SELECT 1 FROM key_ring WHERE name = ?", name):
                raise already_exists(f"KeyRing {name} already exists.")
            self._database.execute("INSERT INTO key_ring VALUES (?, ?)", name, self._now())
            return self.get_ring(name)

    def get_ring(self, name: str) -> resources.KeyRing:
        """A key ring; raises NOT_FOUND."""
        row = self._database.row("SELECT created_at FROM key_ring WHERE name = ?", name)
        if row is None:
            raise not_found(f"KeyRing {name} not found.")
        return resources.KeyRing(name=name, create_time=instant(row["created_at"]))

    def list_rings(self, parent: str) -> list[resources.KeyRing]:
        """The key rings of a location."""
        names = self._database.rows("SELECT name FROM key_ring ORDER BY name")
        return [self.get_ring(row["name"]) for row in names if row["name"].startswith(f"{parent}/keyRings/")]

    def create_key(self, ring: str, key: resources.CryptoKey, *, with_version: bool) -> resources.CryptoKey:
        """Store a new key under `key.name`, with its first version as primary; raises ALREADY_EXISTS."""
        with self._database.transaction():
            self.get_ring(ring)
            if self._database.row("SELECT 1 FROM crypto_key WHERE name = ?", key.name):
                raise already_exists(f"CryptoKey {key.name} already exists.")
            key.create_time = instant(self._now())
            self._database.execute(
                "INSERT INTO crypto_key VALUES (?, ?, ?, NULL, ?)",
                key.name, ring, resources.CryptoKey.serialize(key), seconds_of(key.next_rotation_time) or None,
            )  # fmt: skip
            if with_version:
                self.set_primary(key.name, self._add_version(key.name))
            return self.get_key(key.name)

    def save_key(self, key: resources.CryptoKey) -> resources.CryptoKey:
        """Store a key's changed fields."""
        self._database.execute(
            "UPDATE crypto_key SET message = ?, next_rotation_at = ? WHERE name = ?",
            resources.CryptoKey.serialize(key), seconds_of(key.next_rotation_time) or None, key.name,
        )  # fmt: skip
        return self.get_key(key.name)

    def get_key(self, name: str) -> resources.CryptoKey:
        """A key with its primary version; raises NOT_FOUND."""
        self._rotate_if_due(name)
        row = self._key_row(name)
        key: resources.CryptoKey = resources.CryptoKey.deserialize(row["message"])
        if row["next_rotation_at"] is not None:
            key.next_rotation_time = instant(row["next_rotation_at"])
        if row["primary_number"]:
            key.primary = self.get_version(name, row["primary_number"])
        return key

    def list_keys(self, ring: str) -> list[resources.CryptoKey]:
        """The keys of a ring; raises NOT_FOUND."""
        self.get_ring(ring)
        names = self._database.rows("SELECT name FROM crypto_key WHERE ring = ? ORDER BY name", ring)
        return [self.get_key(row["name"]) for row in names]

    def add_version(self, key: str) -> resources.CryptoKeyVersion:
        """Store a new version, which does not become primary; raises NOT_FOUND."""
        with self._database.transaction():
            self._key_row(key)
            return self.get_version(key, self._add_version(key))

    def set_primary(self, key: str, number: int) -> None:
        """Make an enabled version the one that encrypts."""
        version = self.get_version(key, number)
        if version.state != State.ENABLED:
            raise failed_precondition(_not_enabled(version))
        self._database.execute("UPDATE crypto_key SET primary_number = ? WHERE name = ?", number, key)

    def get_version(self, key: str, number: int) -> resources.CryptoKeyVersion:
        """A version; raises NOT_FOUND."""
        row = self._version_row(key, number)
        version = resources.CryptoKeyVersion(
            name=f"{key}/cryptoKeyVersions/{number}",
            state=State(row["state"]),
            protection_level=SOFTWARE,
            algorithm=ALGORITHM,
            create_time=instant(row["created_at"]),
            generate_time=instant(row["created_at"]),
        )
        if version.state == State.DESTROY_SCHEDULED:
            version.destroy_time = instant(row["destroy_at"])
        if version.state == State.DESTROYED:
            version.destroy_event_time = instant(row["destroy_at"])
        return version

    def list_versions(self, key: str) -> list[resources.CryptoKeyVersion]:
        """The versions of a key, oldest first; raises NOT_FOUND."""
        self.get_key(key)
        rows = self._database.rows("SELECT number FROM version WHERE key = ? ORDER BY number", key)
        return [self.get_version(key, row["number"]) for row in rows]

    def change_state(
        self, key: str, number: int, state: int, *, leaving: tuple[int, ...], destroy_at: float | None = None
    ) -> resources.CryptoKeyVersion:
        """Move a version to `state`; raises FAILED_PRECONDITION if its present state does not allow that."""
        with self._database.transaction():
            version = self.get_version(key, number)
            if version.state not in leaving:
                allowed = " or ".join(State(state).name for state in leaving)
                raise failed_precondition(f"{version.name} is {version.state.name}, it must be {allowed}.")
            self._database.execute(
                "UPDATE version SET state = ?, destroy_at = ? WHERE key = ? AND number = ?",
                state, destroy_at, key, number,
            )  # fmt: skip
            return self.get_version(key, number)

    def has_version(self, key: str, number: int) -> bool:
        """Whether a key has, or had, a version."""
        return self._database.row("SELECT 1 FROM version WHERE key = ? AND number = ?", key, number) is not None

    def material(self, key: str, number: int) -> AESGCM:
        """The cipher of an enabled version; otherwise raises FAILED_PRECONDITION, which names the state."""
        version = self.get_version(key, number)
        if version.state != State.ENABLED:
            raise failed_precondition(_not_enabled(version))
        return AESGCM(self._version_row(key, number)["material"])

    def _add_version(self, key: str) -> int:
        row = self._database.row("SELECT COALESCE(MAX(number), 0) + 1 AS number FROM version WHERE key = ?", key)
        number = int(row["number"]) if row else 1
        self._database.execute(
            "INSERT INTO version VALUES (?, ?, ?, ?, ?, NULL)",
            key, number, int(State.ENABLED), AESGCM.generate_key(256), self._now(),
        )  # fmt: skip
        return number

    def _rotate_if_due(self, name: str) -> None:
        with self._database.transaction():
            row, now = self._key_row(name), self._now()
            if row["next_rotation_at"] is None or row["next_rotation_at"] > now:
                return
            self.set_primary(name, self._add_version(name))
            period = seconds_of(resources.CryptoKey.deserialize(row["message"]).rotation_period)
            following = now + period if period else None
            self._database.execute("UPDATE crypto_key SET next_rotation_at = ? WHERE name = ?", following, name)

    def _key_row(self, name: str) -> Row:
        row = self._database.row("SELECT * FROM crypto_key WHERE name = ?", name)
        if row is None:
            raise not_found(f"CryptoKey {name} not found.")
        return row

    def _version_row(self, key: str, number: int) -> Row:
        # A destroyed version's material is erased.
        self._database.execute(
            "UPDATE version SET state = ?, material = NULL WHERE state = ? AND destroy_at <= ?",
            int(State.DESTROYED), int(State.DESTROY_SCHEDULED), self._now(),
        )  # fmt: skip
        row = self._database.row("SELECT * FROM version WHERE key = ? AND number = ?", key, number)
        if row is None:
            raise not_found(f"CryptoKeyVersion {key}/cryptoKeyVersions/{number} not found.")
        return row


def split_version(name: str) -> tuple[str, int | None]:
    """A version's key and number; None for the name of a key itself."""
    key, separator, number = name.partition("/cryptoKeyVersions/")
    if not separator:
        return key, None
    if not number.isdecimal():
        raise invalid_argument(f"The resource name {name} is invalid.")
    return key, int(number)


def require_version(name: str) -> tuple[str, int]:
    """A version's key and number; raises INVALID_ARGUMENT for the name of anything else."""
    key, number = split_version(name)
    if number is None:
        raise invalid_argument(f"The resource name {name} is invalid.")
    return key, number


def _not_enabled(version: Any) -> str:
    return f"{version.name} is not enabled, current state is: {version.state.name}."
