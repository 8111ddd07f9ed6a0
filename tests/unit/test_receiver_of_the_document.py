"""The receiver that docs/alerts.md gives to try alerts on devcloud takes a message and prints it."""

from __future__ import annotations

import re
import threading
from http.server import HTTPServer
from typing import Any

import pytest

from shared.adapters.webhooks import Webhooks
from shared.domain.alerts.sending import Attempt
from tests.support.alert_snippets import BODY, DOCUMENT, SENT

LAST_LINE = 'HTTPServer(("127.0.0.1", 8099), Hook).serve_forever()\n'


def test_the_receiver_of_the_document_prints_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = re.findall(r"receiver\.py <<'END'\n(.*?)END\n", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert text.endswith(LAST_LINE)
    names: dict[str, Any] = {}
    exec(text.removesuffix(LAST_LINE), names)  # noqa: S102 - the document is part of the project
    with HTTPServer(("127.0.0.1", 0), names["Hook"]) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        sent = Webhooks(allows_local=True).send(f"http://127.0.0.1:{server.server_port}/hook", BODY, SENT)
        thread.join()
    assert sent == Attempt(204)
    assert capsys.readouterr().out == f"{BODY.decode()}\n"
