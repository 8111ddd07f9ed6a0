"""Operator commands that cannot start print one line with the next step, and exit with status 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from convergence.app import main as convergence
from shared.commands import migrate, reencrypt, tenants
from tests.support.commands import environment, run

KEY = "projects/p-12345/locations/eu/keyRings/convergence/cryptoKeys/tenant-credentials-key"
SETTINGS = {"PROJECT_ID": "p-12345", "BIGQUERY_LOCATION": "EU", "KMS_KEY": KEY, "NO_GCE_CHECK": "true"}
COMMANDS: list[tuple[Callable[[Sequence[str]], int], list[str]]] = [
    (migrate.main, ["--dry-run"]),
    (migrate.main, []),
    (reencrypt.main, ["--dry-run"]),
    (reencrypt.main, []),
    (tenants.main, ["onboard", "acme_corp"]),
    (convergence, ["status"]),
    (convergence, ["credentials", "reencrypt"]),
    (convergence, ["tenants", "show", "acme_corp"]),
]


@pytest.mark.parametrize(("main", "arguments"), COMMANDS)
def test_without_credentials_the_error_names_the_login_command(
    main: Callable[[Sequence[str]], int], arguments: list[str], tmp_path: Path
) -> None:
    with environment({**SETTINGS, "HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path)}):
        said = run(main, *arguments)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == "stopped: there are no Google credentials; run `gcloud auth application-default login`\n"


@pytest.mark.parametrize(("main", "arguments"), COMMANDS)
def test_a_missing_key_file_is_named(
    main: Callable[[Sequence[str]], int], arguments: list[str], tmp_path: Path
) -> None:
    missing = tmp_path / "missing.json"
    with environment({**SETTINGS, "GOOGLE_APPLICATION_CREDENTIALS": str(missing)}):
        said = run(main, *arguments)
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert str(missing) in said.stderr


@pytest.mark.parametrize(("main", "arguments"), COMMANDS)
def test_missing_settings_are_named(main: Callable[[Sequence[str]], int], arguments: list[str]) -> None:
    with environment({"KMS_KEY": KEY}):
        said = run(main, *arguments)
    assert said.returncode == 2
    assert said.stderr.splitlines()[-1].endswith("set these in the environment: PROJECT_ID, BIGQUERY_LOCATION")


def test_an_invalid_kms_key_name_is_refused() -> None:
    with environment({**SETTINGS, "KMS_KEY": "x"}):
        said = run(reencrypt.main, "--dry-run")
    assert said.returncode == 2
    assert "KMS_KEY is not the name of a key: projects/P/locations/L/keyRings/R/cryptoKeys/K" in said.stderr
