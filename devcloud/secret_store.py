"""The secrets and versions that devcloud's Secret Manager keeps."""

from __future__ import annotations

from pathlib import Path

from google.cloud.secretmanager_v1.types import resources

from devcloud.database import Database, Row
from devcloud.grpc_service import already_exists, failed_precondition, not_found
from devcloud.messages import instant

State = resources.SecretVersion.State
LATEST = "latest"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, message BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS version (
  secret TEXT NOT NULL REFERENCES secret, number INTEGER NOT NULL, state INTEGER NOT NULL, data BLOB,
  checked INTEGER NOT NULL, created_at REAL NOT NULL, destroyed_at REAL, PRIMARY KEY (secret, number)
);
"""


class SecretStore:
    """Secrets by their full name; versions by number, alias or `latest`."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._database.close()

    def create(self, secret: resources.Secret) -> None:
        """Store a new secret without versions; raises ALREADY_EXISTS."""
        with self._database.transaction():
            if self._database.row("SELECT 1 FROM secret WHERE name = ?", secret.name):
                raise already_exists(f"Secret [{secret.name}] already exists.")
            message = resources.Secret.serialize(secret)
            self._database.execute("INSERT INTO secret VALUES (?, ?)", secret.name, message)

    def save(self, secret: resources.Secret) -> None:
        """Store a secret's changed fields."""
        message = resources.Secret.serialize(secret)
        self._database.execute("UPDATE secret SET message = ? WHERE name = ?", message, secret.name)

    def get(self, name: str) -> resources.Secret:
        """A secret; raises NOT_FOUND."""
        row = self._database.row("SELECT message FROM secret WHERE name = ?", name)
        if row is None:
            raise not_found(f"Secret [{name}] not found.")
        secret: resources.Secret = resources.Secret.deserialize(row["message"])
        return secret

    def list_secrets(self, parent: str) -> list[resources.Secret]:
        """The secrets of a project, by name."""
        rows = self._database.rows("SELECT name FROM secret ORDER BY name")
        return [self.get(row["name"]) for row in rows if row["name"].startswith(f"{parent}/secrets/")]

    def delete(self, name: str) -> None:
        """Remove a secret with all its versions; raises NOT_FOUND."""
        with self._database.transaction():
            self.get(name)
            self._database.execute("DELETE FROM version WHERE secret = ?", name)
            self._database.execute("DELETE FROM secret WHERE name = ?", name)

    def add_version(self, secret: str, data: bytes, *, checked: bool, now: float) -> resources.SecretVersion:
        """Store a new version; raises NOT_FOUND without the secret. `checked`: its data came with a checksum."""
        with self._database.transaction():
            self.get(secret)
            number = self._latest(secret) + 1
            self._database.execute(
                "INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, NULL)",
                secret, number, int(State.ENABLED), data, checked, now,
            )  # fmt: skip
            return self.version(f"{secret}/versions/{number}")

    def version(self, name: str) -> resources.SecretVersion:
        """A version with its number, found by number, alias or `latest`; raises NOT_FOUND."""
        row = self._version_row(name)
        version = resources.SecretVersion(
            name=f"{row['secret']}/versions/{row['number']}",
            create_time=instant(row["created_at"]),
            state=State(row["state"]),
            client_specified_payload_checksum=bool(row["checked"]),
        )
        if row["destroyed_at"] is not None:
            version.destroy_time = instant(row["destroyed_at"])
        return version

    def list_versions(self, secret: str) -> list[resources.SecretVersion]:
        """The versions of a secret, newest first; raises NOT_FOUND."""
        self.get(secret)
        rows = self._database.rows("SELECT number FROM version WHERE secret = ? ORDER BY number DESC", secret)
        return [self.version(f"{secret}/versions/{row['number']}") for row in rows]

    def has_version(self, secret: str, number: int) -> bool:
        """Whether a secret has a version with that number, in any state."""
        return self._database.row("SELECT 1 FROM version WHERE secret = ? AND number = ?", secret, number) is not None

    def data(self, name: str) -> bytes:
        """The payload of an enabled version; raises NOT_FOUND, or FAILED_PRECONDITION, which names the state."""
        row = self._version_row(name)
        if row["state"] != State.ENABLED:
            full_name = f"{row['secret']}/versions/{row['number']}"
            raise failed_precondition(f"Secret Version [{full_name}] is in {State(row['state']).name} state.")
        return bytes(row["data"])

    def change_state(self, name: str, state: int, *, now: float) -> resources.SecretVersion:
        """Enable, disable or destroy a version; a destroyed one stays destroyed and its data is gone."""
        with self._database.transaction():
            row = self._version_row(name)
            if row["state"] == State.DESTROYED:
                raise failed_precondition(f"Secret Version [{name}] is in DESTROYED state.")
            destroyed = state == State.DESTROYED
            self._database.execute(
                "UPDATE version SET state = ?, data = ?, destroyed_at = ? WHERE secret = ? AND number = ?",
                state, None if destroyed else row["data"], now if destroyed else None, row["secret"], row["number"],
            )  # fmt: skip
            return self.version(name)

    def _version_row(self, name: str) -> Row:
        secret, _, wanted = name.partition("/versions/")
        number = self._number(secret, wanted)
        row = self._database.row("SELECT * FROM version WHERE secret = ? AND number = ?", secret, number)
        if row is None:
            raise not_found(f"Secret Version [{name}] not found.")
        return row

    def _number(self, secret: str, wanted: str) -> int | None:
        if wanted.isdecimal():
            return int(wanted)
        # `latest` is the newest version in any state, not the newest enabled one.
        aliases = self.get(secret).version_aliases
        return self._latest(secret) if wanted == LATEST else aliases.get(wanted)

    def _latest(self, secret: str) -> int:
        row = self._database.row("SELECT COALESCE(MAX(number), 0) AS number FROM version WHERE secret = ?", secret)
        return int(row["number"]) if row else 0
