"""`python -m shared.authoring`: its output for invalid and for valid templates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from shared.authoring.cli import main
from shared.authoring.template_schema import SCHEMA_FILE, schema_text
from shared.configuration.platform_config import CONFIGS
from shared.configuration.templates import all_templates, sql_file
from shared.domain.templates.templates import Template
from tests.support.template_copies import copied_below, replaced


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A copy of a template and its SQL."""
    return copied_below(tmp_path)


def test_every_template_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == len(all_templates())
    assert "gcp/cost/billing.yml: valid" in shown.out
    assert shown.err == ""


def test_problems_are_json_on_request(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(template), "--json"]) == 0
    (valid,) = json.loads(capsys.readouterr().out)["templates"]
    assert (Path(valid["file"]).name, valid["problems"]) == (template.name, [])
    replaced(template, "owner: platform", "owners: platform")
    assert main(["validate", str(template), "--json"]) == 1
    shown = capsys.readouterr()
    (invalid,) = json.loads(shown.out)["templates"]
    assert any("owner: is missing" in problem for problem in invalid["problems"])
    assert shown.err == ""


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("query: daily_by_service", "query: dayly", "steps.0.with.query", "no statement dayly"),
        ("shape: gcp_cost_daily_by_service", "shape: nowhere", "steps.0.with.shape", "no table nowhere"),
        ("[usage_date, currency, cost]", "[usage_dat]", "checks.0.with.columns", "no column usage_dat"),
        ("date_column: usage_date", "date_column: day", "publish.0.date_column", "no column day"),
        ("billed: billed_by_day", "billed: billed", "publish.0.billed", "no statement billed"),
        ("uses: unique", "uses: uniqe", "checks.1", "uniqe"),
        ("owner: platform", "owners: platform", "owner", "is missing"),
        ("timeout_seconds: 900", "timeout_seconds: soon", "steps.0.timeout_seconds", "must be an integer"),
        ('"{allow_empty}"', '"{allow_emty}"', "checks.4.with.allow_empty", "unknown placeholder {allow_emty}"),
        ("max_days: 400", "max_days: 400\nmax_days: 500", "max_days", "is there twice"),
        ("parameters:", "lookups:\n  rates: {file: rates.csv}\n\nparameters:", "lookups.rates.file", "no such file"),
        ("source_parameter: billing_export_table", "source_parameter: table", "source_parameter", "no parameter table"),
    ],
)
def test_each_problem_is_reported_with_file_line_and_field(
    template: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, field: str, message: str
) -> None:
    replaced(template, old, new)
    assert main(["validate", str(template)]) == 1
    found = capsys.readouterr().err.splitlines()
    line = next(line for line in found if f": {field}: " in line)
    assert line.startswith(f"{template}:")
    assert message in line


def test_line_is_that_of_the_field(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = replaced(template, "date_column: usage_date", "date_column: day")
    assert main(["validate", str(template.parent)]) == 1
    assert f"daily_by_service.yml:{number}: publish.0.date_column: " in capsys.readouterr().err


def test_errors_of_all_files_are_reported(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template.with_name("other.yml").write_text("description: [1\n")
    template.with_name("third.yml").write_text(template.read_text())
    replaced(template, "max_days: 400", "max_days: none")
    replaced(template, "owner: platform", "owner: 1")
    assert main(["validate", str(template.parent.parent.parent)]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in shown] == [
        str(template),
        str(template),
        str(template.with_name("other.yml")),
        str(template.with_name("third.sql")),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate", "no/such/path"], "no/such/path: there is no such file or folder"),
        (["validate", str(CONFIGS / "tables")], "holds no <provider>/<domain>/<template>.yml"),
        (["validate", str(CONFIGS / "platform.yml")], "is not at <provider>/<domain>/<template>.yml"),
        (["explain", "gcp/cost/nothing"], "gcp/cost/nothing: there is no such template; there are aws/cost/billing, "),
        (["explain", "gcp/cost/billing", "--date", "17.11.2025"], "date: must be a date, YYYY-MM-DD"),
        (["explain", "gcp/cost/billing", "--date", "2199-12-31"], "date: must not be after today, "),
        (["explain", "gcp/cost/billing", "--param", "colour=red"], "colour: is unknown; this pipeline takes"),
        (["explain", "gcp/cost/billing", "--param", "late_hours"], "late_hours is not K=V"),
        (["explain", "gcp/cost/billing", "--tenant", "No One"], "tenant_id"),
    ],
)
def test_an_impossible_request_prints_one_line_and_exits_with_1(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert message in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""


def test_explain_shows_steps_sql_parameters_tables_checks_and_limits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "gcp/cost/daily_by_service", "--date", "2025-11-17", "--param", "allow_empty=true"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines if line[:1].isdecimal()] == [
        "1. summary (sql)",
        "2. checks (checks)",
        "3. publish (publish)",
    ]
    assert "   limit: 500,000,000,000 bytes billed" in lines
    assert "limit: 1,000,000,000,000 bytes billed for the run" in lines
    assert "   reads: acme_corp.gcp_cost_billing" in lines
    assert "   writes: x_staging.acme_corp__RUN__summary" in lines
    assert "   @dates ARRAY<DATE> = [2025-11-17]" in lines
    assert "   | FROM `acme_corp`.gcp_cost_billing" in lines
    assert "   fail one_row_each: unique of summary" in lines
    assert any(line.endswith("allow_empty BOOL = TRUE") for line in lines)
    assert any(line.startswith("   writes: acme_corp.gcp_cost_daily_by_service, ") for line in lines)
    assert "   | BEGIN TRANSACTION;" in lines


@pytest.mark.parametrize("template", all_templates(), ids=lambda template: template.pipeline_id)
def test_every_template_can_be_explained_for_a_day_and_a_range(
    capsys: pytest.CaptureFixture[str], template: Template
) -> None:
    for days in (["--date", "2025-11-17"], ["--start-date", "2025-11-01", "--end-date", "2025-11-30"]):
        assert main(["explain", template.pipeline_id.replace("-", "/"), *days]) == 0
        assert "COMMIT TRANSACTION" in capsys.readouterr().out


def test_a_template_outside_of_configs_is_explained_with_its_own_sql(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced(template.with_suffix(".sql"), "COUNT(*) AS row_count,\n  @source", "COUNT(cost) AS row_count,\n  @source")
    assert main(["explain", str(template), "--date", "2025-11-17"]) == 0
    assert "COUNT(cost) AS row_count" in capsys.readouterr().out


def test_schema_file_equals_the_models_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == schema_text()
    assert SCHEMA_FILE.read_text() == schema_text(), "run `python -m shared.authoring schema --write`"


@pytest.mark.parametrize("template", all_templates(), ids=lambda template: template.pipeline_id)
def test_template_names_its_schema_and_uses_only_keys_of_the_schema(template: Template) -> None:
    path = sql_file(template).with_suffix(".yml")
    first = path.read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={os.path.relpath(SCHEMA_FILE, path.parent)}"
    schema = json.loads(SCHEMA_FILE.read_text())
    assert yaml.safe_load(path.read_text()).keys() <= schema["properties"].keys()
    assert schema["additionalProperties"] is False


# `python -m shared.authoring` with each of the arguments, one after the other in one process.
EACH = """
import contextlib, io, json, runpy, sys
for arguments in json.load(sys.stdin):
    sys.argv[1:] = arguments
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            runpy.run_module("shared.authoring", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            status = ended.code
    print(json.dumps([status, len(said.getvalue()) > 0]))
"""


def test_a_new_template_is_valid_and_replaces_nothing(tmp_path: Path) -> None:
    for folder in ("configs", "shared"):
        shutil.copytree(CONFIGS.parent / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    command, environment = [sys.executable, "-m", "shared.authoring"], {"PATH": os.environ["PATH"]}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    written = run("new", "gcp/cost/by_project")
    assert written.stdout.splitlines() == [
        "configs/gcp/cost/by_project.yml is written.",
        "configs/gcp/cost/by_project.sql is written.",
        "configs/tables/tenant_dataset/gcp_cost_by_project.yml is written.",
    ]
    checked = run("validate")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "configs/gcp/cost/by_project.yml: valid" in checked.stdout
    again = run("new", "gcp/cost/by_project")
    assert (again.returncode, again.stderr.count("is there already; nothing is written.")) == (1, 1)
    refused = run("new", "../by_project")
    assert (refused.returncode, "must be gcp/cost/ and a name" in refused.stderr) == (1, True)


def test_the_commands_need_neither_network_nor_credentials(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(CONFIGS.parent)}
    commands = [["validate"], ["explain", "gcp/cost/billing", "--date", "2025-11-17"], ["--help"]]
    found = subprocess.run(
        [sys.executable, "-c", EACH], input=json.dumps(commands),
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (found.returncode, found.stderr) == (0, "")
    assert [json.loads(line) for line in found.stdout.splitlines()] == [[0, True]] * len(commands)


def test_explain_accepts_the_pipelines_id_and_shows_the_platforms_limit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "gcp-cost-billing", "--date", "2025-11-17"]) == 0
    assert "MAX_BYTES_BILLED (1,000,000,000,000 bytes billed by default)" in capsys.readouterr().out
