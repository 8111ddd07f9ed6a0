"""`migrate --grants` gives accounts that are new their right on the datasets of an earlier version."""

from __future__ import annotations

import os

from devcloud.server import Devcloud
from shared.commands.migrate import main
from shared.configuration.platform_config import DATASET_WRITERS
from tests.support.commands import Said, environment, run
from tests.support.frontend import Frontend


def migrate(cloud: Devcloud, frontend: Frontend, *arguments: str) -> Said:
    with environment({"PATH": os.environ["PATH"], **cloud.ready["env"]}):
        return run(main, "--tenant", frontend.tenant_id, *arguments)


def writers_of(frontend: Frontend) -> set[str]:
    entries = frontend.client.get_dataset(frontend.tenant_id).access_entries
    return {entry.entity_id for entry in entries if entry.role == "WRITER"}


def test_accounts_that_are_new_get_their_right_on_older_datasets(cloud: Devcloud, connected: Frontend) -> None:
    accounts = {cloud.cloud.account(name) for name in DATASET_WRITERS}
    assert accounts <= writers_of(connected)
    dataset, new = connected.client.get_dataset(connected.tenant_id), cloud.cloud.account("console")
    dataset.access_entries = [entry for entry in dataset.access_entries if entry.entity_id != new]
    connected.client.update_dataset(dataset, ["access_entries"])

    assert "granted" not in migrate(cloud, connected).stdout
    assert new not in writers_of(connected)
    granted = migrate(cloud, connected, "--grants")
    assert granted.returncode == 0, granted.stderr
    assert f"granted: {connected.tenant_id}\n" in granted.stdout
    assert accounts <= writers_of(connected)
    assert "granted" not in migrate(cloud, connected, "--grants").stdout
