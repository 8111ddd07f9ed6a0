"""Queues and instances agree: Cloud Tasks never sends a function more deliveries than it has instances."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from shared.configuration.platform_config import CONFIGS, get_platform
from shared.errors import ConfigError


def changed(tmp_path: Path, *, max_instances: int = 100, **close: object) -> Path:
    document = yaml.safe_load((CONFIGS / "platform.yml").read_text())
    document["functions"]["execute_run"]["max_instances"] = max_instances
    document["queues"]["close"] |= close
    path = tmp_path / "platform.yml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_all_queues_of_a_function_together_deliver_as_many_tasks_as_it_has_instances() -> None:
    platform = get_platform()
    for name in {queue.function for queue in platform.queues.values()}:
        function = platform.functions[name]
        brought = sum(queue.max_concurrent_dispatches for queue in platform.queues.values() if queue.function == name)
        assert brought == function.max_instances * function.concurrency


def test_one_setting_decides_the_number_of_executors(tmp_path: Path) -> None:
    queues = get_platform(changed(tmp_path, max_instances=40)).queues
    assert queues["execute"].max_concurrent_dispatches == 40 - queues["close"].max_concurrent_dispatches


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_concurrent_dispatches": 100}, "execute_run takes 100"),
        ({"max_instances": 10}, "execute_run takes 10"),
        ({"max_concurrent_dispatches": 0}, "the rest"),
        ({"function": "nobody"}, "no function nobody"),
    ],
)
def test_queues_that_deliver_more_are_refused_at_load(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        get_platform(changed(tmp_path, **changes))  # type: ignore[arg-type] # one of them is max_instances
