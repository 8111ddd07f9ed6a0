"""Key files in the forms that editors, shells and secret stores produce."""

from __future__ import annotations

import json
import shlex

import pytest

from shared.domain.credentials.key_files import read_key_file
from shared.errors import InvalidInput

PEM = "-----BEGIN PRIVATE KEY-----\nMIIE\nvQIB\n-----END PRIVATE KEY-----\n"
KEY = {"type": "service_account", "private_key": PEM}
FILE = json.dumps(KEY, indent=2)

LEFT_SO = {
    "as it is": FILE,
    "white space around it": f"\n {FILE}\r\n",
    "a byte order mark": "\ufeff" + FILE,
    "line breaks of Windows": FILE.replace("\n", "\r\n"),
    "line breaks of the key written out": json.dumps({**KEY, "private_key": PEM.replace("\n", "\\n")}),
    "those of Windows written out": json.dumps({**KEY, "private_key": PEM.replace("\n", "\\r\\n")}),
    "all line breaks written out": FILE.replace("\n", "\\n"),
    "line breaks in the key's text": FILE.replace("\\n", "\n"),
    "quoted twice": json.dumps(FILE),
    "quoted twice after a byte order mark": json.dumps("\ufeff" + FILE),
    "quoted twice without its outer quotes": json.dumps(FILE)[1:-1],
}


@pytest.mark.parametrize("how", LEFT_SO)
def test_a_key_file_is_read_in_every_usual_form(how: str) -> None:
    assert read_key_file(LEFT_SO[how]) == KEY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (PEM, "is a private key alone"),
        ("eyJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCJ9", "is base64"),
        (shlex.quote(FILE), "is in single quotes"),
        (FILE[:-3], "is not valid JSON; the whole text"),
        ("./key.json", "is not valid JSON; the whole text"),
        ("[]", "must be a JSON object"),
        (json.dumps(json.dumps("key")), "must be a JSON object"),
        (None, "as a string"),
    ],
)
def test_the_error_for_an_invalid_key_file_is_plain_and_quotes_nothing(text: object, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_key_file(text)
    (error,) = refused.value.facts["errors"]
    assert error["field"] == "credentials.service_account_json"
    assert message in error["message"]
    assert "MIIE" not in str(refused.value)
    assert refused.value.__cause__ is None
