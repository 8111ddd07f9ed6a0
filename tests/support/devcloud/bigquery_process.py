"""Runs a BigQuery in a process that can be killed; prints its URL and a key as JSON."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from devcloud.bigquery.service import BigQuery
from devcloud.identity import Identity, TokenServer


def main(state_dir: Path, project: str) -> None:
    identity = Identity(state_dir, project)
    tokens = TokenServer(identity)
    tokens.start()
    service = BigQuery(state_dir, identity)
    service.start()
    key = identity.mint_key(project, "cvg-api")
    sys.stdout.write(json.dumps({"url": service.url, "key": key}) + "\n")
    sys.stdout.flush()
    signal.pause()


main(Path(sys.argv[1]), sys.argv[2])
