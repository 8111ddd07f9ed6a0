"""A restarted devcloud keeps its addresses and changes tables of an earlier version."""

from __future__ import annotations

import socket
from pathlib import Path

from google.cloud import bigquery

from devcloud.server import Devcloud
from devcloud.shown import outgrown

TABLE = "acme_corp.gcp_cost_daily_by_service"


def is_free(address: str) -> bool:
    """Whether the port of an address may be bound."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(address.rpartition(":")[2])))
        except OSError:
            return False
    return True


def make_older_table(client: bigquery.Client) -> None:
    """Make a tenant's table with a row, but without columns that it must have now."""
    dataset = bigquery.Dataset(f"{client.project}.acme_corp")
    dataset.labels = {"convergence": "tenant"}
    client.create_dataset(dataset)
    client.query_and_wait(f"CREATE TABLE {TABLE} AS SELECT DATE '2025-11-17' AS usage_date")


def test_a_restart_keeps_its_ports_and_names_tables_that_it_cannot_change(tmp_path: Path) -> None:
    with Devcloud(tmp_path, schedules=False) as first, first.clients() as clients:
        before = vars(first.cloud.addresses)
        make_older_table(clients.bigquery())
    taken = socket.socket()
    with taken:
        taken.bind(("127.0.0.1", int(before["kms"].rpartition(":")[2])))
        taken.listen()
        with Devcloud(tmp_path, schedules=False) as second, second.clients() as clients:
            after = vars(second.cloud.addresses)
            moved = {name for name in after if after[name] != before[name]}
            assert "kms" in moved
            assert not {name for name in moved if is_free(before[name])}  # another program may have been quicker
            assert list(second.outgrown) == [TABLE]
            assert "usage_date: wanted DATE REQUIRED, found DATE NULLABLE" in second.outgrown[TABLE]
            printed = outgrown(second.outgrown, tmp_path)
            assert f"'DROP TABLE {TABLE}'" in printed
            clients.bigquery().query_and_wait(f"DROP TABLE {TABLE}")
    with Devcloud(tmp_path, schedules=False) as third:
        assert third.outgrown == {}
