"""Key files in the forms that editors, shells and secret stores produce."""

from __future__ import annotations

import base64
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
    "two byte order marks": "\ufeff\ufeff" + FILE,
    "a byte order mark read as Latin-1": "\xef\xbb\xbf" + FILE,
    "spaces of a web page": f"\u200b\u00a0{FILE}\u200b",
    "line breaks of an old Mac": FILE.replace("\n", "\r"),
    "quotes with backslashes": FILE.replace('"', '\\"'),
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
        (json.dumps([KEY]), "must be a JSON object"),
        (json.dumps(json.dumps(FILE)), "is quoted too often"),
        (FILE.encode("utf-16").decode("latin-1"), "is in UTF-16"),
        ("\0".join(FILE), "is in UTF-16"),
        (base64.b64encode(FILE.encode()).decode(), "is base64"),
        (base64.encodebytes(FILE.encode()).decode(), "is base64"),
        (base64.urlsafe_b64encode(b"\xef\xbb\xbf" + FILE.encode()).decode(), "is base64"),
        (json.dumps(base64.b64encode(FILE.encode()).decode()), "is base64"),
        ("data:application/json;base64," + base64.b64encode(FILE.encode()).decode(), "is base64"),
        (base64.b64encode(b"0\x82\x05x" * 9).decode(), "is base64"),
        (FILE[:-2] + ",\n}", "has a comma before a closing bracket"),
        (FILE + "\nEOF", "has text after its closing brace"),
        (FILE + FILE, "has text after its closing brace"),
        ("GOOGLE_CREDENTIALS=" + FILE, "has text before its opening brace"),
        (f"```json\n{FILE}\n```", "has text before its opening brace"),
        (FILE.replace('"', "'"), "must have straight double quotes"),
        (FILE.replace('"', "“"), "must have straight double quotes"),
        (json.dumps({"key": KEY}), "has the key file within key;"),
        (json.dumps({"service_account_json": FILE}), "has the key file within service_account_json;"),
        (json.dumps({"privateKeyData": base64.b64encode(FILE.encode()).decode()}), "within privateKeyData;"),
        ('{"type": "service_account", "type": "x"}', "has type twice"),
        ("[" * 100_000, "is not valid JSON"),
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
