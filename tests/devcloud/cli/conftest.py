from __future__ import annotations

import pytest

from devcloud.server import Devcloud
from tests.support.devcloud.command_line import CommandLine


@pytest.fixture
def commands(cloud: Devcloud) -> CommandLine:
    """The commands, for the cloud of this worker."""
    return CommandLine(cloud.state.path)
