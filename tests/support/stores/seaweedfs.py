"""Starts SeaweedFS as an S3 and an STS. It checks signatures, keys' rights, tokens and trust policies."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from shared.domain.credentials.setup_guides import SetupGuide
from tests.support.local_s3 import REGION
from tests.support.stores.programs import ENVIRONMENT, free_ports, running
from tests.support.stores.written_by_boto import WrittenByBoto

Json = dict[str, Any]
PROGRAM = str(ENVIRONMENT / "bin" / "weed")
ROLE = "arn:aws:iam::123456789012:role/reader"
_ADMIN = {"access_key_id": "AKIA0000000000000ADM", "secret_access_key": "the-secret-of-the-administrator"}
_READER = {"access_key_id": "AKIA0000000000000RDR", "secret_access_key": "the-secret-of-the-reader"}
_STRANGER = {"access_key_id": "AKIA0000000000000STR", "secret_access_key": "the-secret-of-the-stranger"}
_PORTS = [f"{server}.{port}" for server in ("master", "volume", "filer", "s3") for port in ("port", "port.grpc")]


@dataclass(frozen=True)
class SeaweedFS(WrittenByBoto):
    """A running SeaweedFS; `client` may do everything. The role ROLE may read every bucket below exports/."""

    endpoint: str
    filer: str
    folder: Path
    client: Any
    stranger: Json

    def make_bucket(self, name: str) -> None:
        self.client.create_bucket(Bucket=name)

    def put_at_once(self, bucket: str, keys: Sequence[str]) -> None:
        """Write many empty objects with its own program, in a hundredth of the time. All keys are in one folder."""
        (below,) = {key.rpartition("/")[0] for key in keys}
        files = self.folder / "many" / below
        files.mkdir(parents=True)
        for key in keys:
            (files / key.rpartition("/")[2]).touch()
        top = self.folder / "many" / below.partition("/")[0]
        copy = [PROGRAM, "filer.copy", str(top), f"{self.filer}/buckets/{bucket}/"]
        subprocess.run(copy, cwd=self.folder, check=True, capture_output=True, timeout=60)

    def credentials(self, bucket: str, prefix: str, **other: str) -> Json:
        content = {"region": REGION, "bucket": bucket, "prefix": prefix, **_READER, **other}
        return {"provider": "AWS", "credentials": content}


@contextmanager
def seaweedfs(folder: Path, keys_url: str, guide: SetupGuide) -> Iterator[SeaweedFS]:
    """Start a SeaweedFS in a folder. At `keys_url` it finds Google's keys, and its role has the guide's policy."""
    ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    (folder / "s3.json").write_text(json.dumps(_keys()))
    (folder / "iam.json").write_text(json.dumps(_identities(keys_url, guide)))
    options: Json = {"dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.telemetry": "false"}
    options |= ports | {"filer": "true", "s3": "true", "s3.config": "s3.json", "s3.iam.config": "iam.json"}
    options |= {"s3.port.iceberg": 0, "s3.port.lance": 0, "volume.max": 500, "master.volumeSizeLimitMB": 64}
    command = [PROGRAM, "-logtostderr", "server", *(f"-{name}={value}" for name, value in options.items())]
    try:
        with running(command, folder, lambda said: "Start Seaweed S3 API Server" in said):
            endpoint = f"http://127.0.0.1:{ports['s3.port']}"
            client = boto3.client("s3", endpoint_url=endpoint, region_name=REGION, **_named(_ADMIN))
            filer = f"http://127.0.0.1:{ports['filer.port']}.{ports['filer.port.grpc']}"
            yield SeaweedFS(endpoint, filer, folder, client, _STRANGER)
    finally:
        for port in ports.values():  # it has sockets in /tmp as well
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - where its program puts them
                left.unlink()


def _trust_policy(guide: SetupGuide) -> Json:
    """The trust policy that credentials/setup shows, with the condition keys that SeaweedFS knows.

    AWS calls the token's `aud` accounts.google.com:oaud. SeaweedFS calls it oidc:aud, for every issuer.
    """
    text = guide.steps[0].paste.replace("accounts.google.com:oaud", "oidc:aud")
    policy: Json = json.loads(text.replace("accounts.google.com:sub", "oidc:sub"))
    return policy


def _keys() -> Json:
    actions = {
        "admin": (_ADMIN, ["Admin"]),
        "reader": (_READER, ["Read", "List"]),
        "stranger": (_STRANGER, ["Read:elsewhere", "List:elsewhere"]),
    }
    return {
        "identities": [
            {
                "name": name,
                "credentials": [{"accessKey": key["access_key_id"], "secretKey": key["secret_access_key"]}],
                "actions": allowed,
            }
            for name, (key, allowed) in actions.items()
        ]
    }


def _identities(keys_url: str, guide: SetupGuide) -> Json:
    # A provider accepts only the audiences of its clients, and it has one client here. So the trust policy has to
    # refuse a token for another tenant first.
    google = {"issuer": "https://accounts.google.com", "clientId": guide.audience}
    google["jwksUri"] = keys_url
    read = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::*"]}
    get = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::*/exports/*"]}
    policy = {"name": "reader", "document": {"Version": "2012-10-17", "Statement": [read, get]}}
    role = {"roleName": "reader", "roleArn": ROLE, "trustPolicy": _trust_policy(guide), "attachedPolicies": ["reader"]}
    provider = {"name": "accounts.google.com", "type": "oidc", "enabled": True, "config": google}
    key = "dGhlIGtleSBvZiB0aGUgc2Vzc2lvbnMgaW4gYSB0ZXN0Li4="
    sts: Json = {"tokenDuration": "1h", "maxSessionLength": "12h", "issuer": "seaweedfs", "signingKey": key}
    sts["providers"] = [provider]
    return {
        "sts": sts,
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "roles": [role],
        "policies": [policy],
    }


def _named(key: Json) -> Json:
    return {f"aws_{name}": value for name, value in key.items()}
