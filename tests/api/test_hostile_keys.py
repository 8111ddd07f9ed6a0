"""Private keys that are useless, or made to keep a processor busy, are refused when a frontend sends them."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.frontend import Frontend
from tests.support.rsa_keys import PKCS1, exported, pem, pkcs1, slow_key


def test_keys_that_google_never_makes_are_400_naming_the_field(frontend: Frontend) -> None:
    for text in (exported(ec.generate_private_key(ec.SECP256R1())), pem(pkcs1(slow_key()), PKCS1)):
        assert len(text) <= 4_096
        answer = frontend.store(frontend.gcp_body(key=frontend.tenant.gcp_key | {"private_key": text}))
        assert answer.status_code == 400, answer.text
        assert [item["field"] for item in answer.json()["errors"]] == ["credentials.service_account_json.private_key"]
    assert frontend.central("tenant_cloud_credentials") == []
