from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt

from devcloud.gateway.function_process import FunctionProcess
from devcloud.gateway.gateway import Gateway
from devcloud.gateway.instances import PROJECT_ROOT
from shared.configuration.platform_config import Function

INVOKER = "caller@p.iam.gserviceaccount.com"
SOURCE = Path(__file__).parent / "functions" / "echo.py"


class Signer:
    """Signs ID tokens as the token server does, with the test's own key."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "token server")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        self.certs = {"k1": certificate.public_bytes(serialization.Encoding.PEM).decode()}
        self._signer = crypt.RSASigner.from_string(pem, "k1")

    def token(self, audience: str, **changed: Any) -> str:
        now = int(datetime.datetime.now(datetime.UTC).timestamp())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "email": INVOKER,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        } | changed
        return str(jwt.encode(self._signer, claims).decode())


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


def _function(name: str, access: str, *, timeout_seconds: int = 30) -> Function:
    return Function.model_validate(
        {
            "description": name,
            "access": access,
            "service_account": "api",
            "routes": [f"POST /api/v1/{name}/{{thing}}", f"GET /api/v1/{name}/{{thing}}/parts/{{part}}"],
            "memory": "256Mi",
            "timeout_seconds": timeout_seconds,
            "concurrency": 1,
            "max_instances": 1,
        }
    )


@pytest.fixture
def gateway(signer: Signer, tmp_path: Path) -> Iterator[Gateway]:
    functions = {
        "echo": _function("echo", "public"),
        "guarded": _function("guarded", "private"),
        "broken": _function("broken", "public"),
        "impatient": _function("impatient", "public", timeout_seconds=1),
    }
    gateway = Gateway(
        functions,
        members=lambda _: frozenset({INVOKER}),
        certs=lambda: signer.certs,
        pages={"health": lambda: {"status": "ok"}},
    )
    gateway.start()
    gateway.host({name: _process(name, tmp_path) for name in functions})
    yield gateway
    gateway.stop()


def _process(name: str, state_dir: Path) -> FunctionProcess:
    environment = {"PATH": "/usr/bin:/bin", "COLOUR": "green", "PYTHONPATH": str(PROJECT_ROOT)}
    return FunctionProcess(name, lambda: environment, log_path=state_dir / "logs" / f"{name}.log", source=SOURCE)
