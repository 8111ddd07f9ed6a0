"""ministack: an IAM, an STS and an S3 that evaluate the text of policies.

It reads the claims of a token and does not check its signature: SeaweedFS does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.support.local_s3 import REGION
from tests.support.stores.programs import ENVIRONMENT, free_ports, running

_KEY, _SECRET = "AKIA0000000000000ADM", "the-secret-of-the-administrator"


@dataclass(frozen=True)
class Ministack:
    """A running ministack."""

    endpoint: str

    def client(self, service: str) -> Any:
        """Return a client that may do everything."""
        key = {"aws_access_key_id": _KEY, "aws_secret_access_key": _SECRET}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **key)


@contextmanager
def ministack(folder: Path) -> Iterator[Ministack]:
    """Start a ministack that checks the rights of each call."""
    (port,) = free_ports(1)
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "SERVICES": "iam,sts,s3", "AUTH": "true"}
    settings |= {"S3_DATA_DIR": str(folder), "TMPDIR": str(folder), "MINISTACK_REGION": REGION}
    settings |= {"AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": _SECRET}
    with running([ENVIRONMENT / "bin" / "ministack"], folder, lambda said: "Running on" in said, **settings):
        yield Ministack(f"http://127.0.0.1:{port}")
