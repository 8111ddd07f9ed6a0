"""A demo that does not stay works in a folder of its own and leaves nothing behind; test_readme.py checks its story."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from pathlib import Path

import pytest
from rich.console import Console

from devcloud.demo import story
from devcloud.server import Devcloud


def test_a_demo_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    states: list[Path] = []

    def tell(cloud: Devcloud, _: Console, *, stays: bool) -> None:
        assert not stays
        assert (cloud.state.path / "devcloud.json").exists()
        states.append(cloud.state.path)

    monkeypatch.setattr(story, "tell", tell)
    monkeypatch.setattr(story, "_FUNCTIONS", ("scheduler_status",))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    story.demo(Namespace(stay=False, state_dir=tmp_path / "kept", port=None, latencies=None))
    (state,) = states
    assert state.parent == tmp_path
    assert "Nothing of it remains." in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
