"""Phase 4: all configuration is validated: files under configs when they load, schedules when they are created."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from croniter import croniter

from shared.configuration.files import load_document
from shared.configuration.platform_config import CONFIGS, get_platform
from shared.configuration.settings import Settings
from shared.configuration.tables import Table, get_tables, get_views
from shared.configuration.templates import all_templates, load_template, sql_files
from shared.errors import ConfigError
from tests.support.frontend import Frontend
from tests.support.schedules import Schedules

Json = dict[str, Any]
Change = Callable[[Json], object]

pytestmark = pytest.mark.phase4

WRONG = """description: d
owner: o
credentials: GCP
steps: [{id: extract, uses: gcp_billing_export}]
checks:
  - {id: a, uses: not_null, step: extract, with: {colums: [cost]}}
  - uses: range
    id: a
    with: {column: cost, minimum: yes}
    step: extract
publish: [{table: t, step: nowhere, date_column: d, billed: b}]
"""
TEMPLATES = sorted(path for path in CONFIGS.glob("*/*/*.yml") if path.parts[-3] != "tables")
VIEWS = sorted((CONFIGS / "tables" / "tenant_views").glob("*.yml"))
TABLES = sorted(set((CONFIGS / "tables").glob("*/*.yml")) - set(VIEWS))


def copy_of(path: Path, folder: Path, change: Change) -> Path:
    """A copy of the file with one change, at the same place below `folder`."""
    document = yaml.safe_load(path.read_text())
    change(document)
    copy = folder / path.relative_to(CONFIGS)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(yaml.safe_dump(document))
    return copy


class TestFiles:
    def test_every_file_is_loaded_by_code_that_validates_it(self) -> None:
        loaded = {CONFIGS / "platform.yml", *TEMPLATES, *TABLES, *VIEWS}
        assert loaded == {*CONFIGS.rglob("*.yml"), *CONFIGS.rglob("*.yaml")}
        assert len(all_templates()) == len(TEMPLATES)
        assert len(get_tables("tenants")) + len(get_tables("tenant_dataset")) == len(TABLES)
        assert len(get_views()) == len(VIEWS) > 0

    def test_platform_names_only_queues_accounts_and_functions_that_exist(self) -> None:
        platform = get_platform()
        for name, function in platform.functions.items():
            assert (CONFIGS.parent / "functions" / name / "main.py").is_file()
            assert {function.service_account, *function.invokers} <= platform.service_accounts.keys(), name
            assert {setting.lower() for setting in function.environment} <= Settings.model_fields.keys(), name
            assert function.schedule is None or croniter.is_valid(function.schedule.cron), name
        for name, account in platform.service_accounts.items():
            assert set(account.queues) <= platform.queues.keys(), name
            assert set(account.secrets) <= platform.secrets.keys(), name

    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: "/".join(path.parts[-3:]))
    def test_template_publishes_into_tables_that_exist(self, path: Path) -> None:
        template = load_template(path)
        assert template is not None
        assert all(file.is_file() for file in sql_files(template))
        tables = get_tables("tenant_dataset")
        for target in template.publish:
            assert target.date_column in {column.name for column in tables[target.table].columns}

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            (lambda document: document.update(surprise=1), "surprise"),
            (lambda document: document["queues"]["kick"].update(surprise=1), "queues.kick.surprise"),
            (lambda document: document["functions"]["run_pipeline"].pop("routes"), "functions.run_pipeline.routes"),
            (lambda document: document["functions"]["run_pipeline"].update(access="open"), "run_pipeline.access"),
        ],
    )
    def test_invalid_platform_is_refused_by_file_and_field(self, tmp_path: Path, change: Change, where: str) -> None:
        path = copy_of(CONFIGS / "platform.yml", tmp_path, change)
        with pytest.raises(ConfigError, match=rf"platform.yml:\d+: .*{where}"):
            get_platform(path)

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            (lambda document: document.update(surprise=1), "surprise"),
            (lambda document: document["steps"][0].update(surprise=1), "steps.0.surprise"),
            (lambda document: document["steps"][0].update(timeout_seconds=0), "steps.0.timeout_seconds"),
            (lambda document: document["checks"][0].update(step="nowhere"), "there is no step nowhere"),
            (lambda document: document.pop("publish"), "publish"),
        ],
    )
    def test_invalid_template_is_refused_by_file_and_field(self, tmp_path: Path, change: Change, where: str) -> None:
        path = copy_of(CONFIGS / "gcp/cost/billing.yml", tmp_path, change)
        with pytest.raises(ConfigError, match=rf"gcp/cost/billing\.yml:\d+: .*{where}"):
            load_template(path)

    def test_all_problems_of_a_template_are_reported_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "gcp/cost/wrong.yml"
        path.parent.mkdir(parents=True)
        path.write_text(WRONG)
        with pytest.raises(ConfigError) as caught:
            load_template(path)
        assert caught.value.message.splitlines() == [
            "gcp/cost/wrong.yml:6: checks.0.with.columns: is missing",
            "gcp/cost/wrong.yml:6: checks.0.with.colums: is unknown; remove it or correct its name",
            "gcp/cost/wrong.yml:9: checks.1.with.minimum: must be a number, a date or a timestamp",
        ]
        path.with_name("other.yml").write_text(WRONG.replace("colums", "columns").replace("yes", "2"))
        with pytest.raises(ConfigError) as caught:
            load_template(path.with_name("other.yml"))
        assert caught.value.message.splitlines() == [
            "gcp/cost/other.yml:8: checks.1.id: a is used twice; each needs its own id",
            "gcp/cost/other.yml:11: publish.0.step: there is no step nowhere",
        ]

    @pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
    def test_table_with_an_unknown_key_is_refused(self, path: Path) -> None:
        document = yaml.safe_load(path.read_text())
        assert Table.model_validate(document).table == path.stem
        with pytest.raises(ValueError, match="surprise"):
            Table.model_validate(document | {"surprise": 1})
        column = document["columns"][0] | {"surprise": 1}
        with pytest.raises(ValueError, match=r"columns\.0\.surprise"):
            Table.model_validate(document | {"columns": [column]})

    def test_file_that_is_not_yaml_is_refused_by_file_and_line(self, tmp_path: Path) -> None:
        path = tmp_path / "broken.yml"
        path.write_text("name: [convergence\nqueues: {")
        with pytest.raises(ConfigError, match=r"broken\.yml:2: "):
            load_document(path)

    def test_a_duplicate_key_is_refused_at_every_depth(self, tmp_path: Path) -> None:
        path = tmp_path / "twice.yml"
        path.write_text("name: a\nqueues:\n  - {id: 1}\n  - id: 2\n    id: 3\nname: b\n")
        with pytest.raises(ConfigError) as caught:
            load_document(path)
        assert caught.value.message.splitlines() == [
            "twice.yml:5: queues.1.id: is there twice; remove one",
            "twice.yml:6: name: is there twice; remove one",
        ]

    def test_a_key_that_overrides_a_merged_one_is_no_duplicate(self, tmp_path: Path) -> None:
        path = tmp_path / "merged.yml"
        path.write_text("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\n")
        assert load_document(path).content["b"] == {"x": 3, "y": 2}

    def test_every_invalid_field_is_reported_with_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "wrong.yml"
        path.write_text(
            "table: wrong\ndescription: 1\ncolumns:\n  - name: a\n    type: STRING\n    mode: NEVER\n  - {}\n"
        )
        with pytest.raises(ConfigError) as caught:
            load_document(path).parsed(Table)
        assert [line.rsplit(": ", 1)[0] for line in caught.value.message.splitlines()] == [
            "wrong.yml:2: description",
            "wrong.yml:6: columns.0.mode",
            "wrong.yml:7: columns.1.name",
            "wrong.yml:7: columns.1.type",
        ]

    def test_yaml_creates_no_python_objects(self, tmp_path: Path) -> None:
        path = tmp_path / "evil.yml"
        path.write_text(json.dumps({}) + "\n--- !!python/object/apply:os.system [true]")
        with pytest.raises(ConfigError, match=r"evil\.yml"):
            load_document(path)


class TestSchedules:
    @pytest.mark.parametrize(
        ("changes", "status", "named"),
        [
            ({"cron_expression": "61 2 * * *"}, 400, "cron_expression"),
            ({"cron_expression": "0 0 30 2 *"}, 400, "cron_expression"),
            ({"timezone": "Europe/Atlantis"}, 400, "timezone"),
            ({"parameters": {"surprise": 1}}, 400, "parameters.surprise"),
            ({"template": "no_such_template"}, 404, "template"),
        ],
    )
    def test_schedule_that_could_not_run_is_refused_by_name(
        self, connected: Frontend, changes: Json, status: int, named: str
    ) -> None:
        answer = Schedules(connected).create(**changes)
        assert answer.status_code == status
        assert named in answer.text
        assert connected.central("tenant_pipeline_configs") == []

    def test_schedule_keeps_the_values_with_which_it_was_created(self, connected: Frontend) -> None:
        schedules = Schedules(connected)
        config_id = schedules.start(timezone="Asia/Kathmandu", cron_expression="15  3 * * mon-fri")
        assert schedules.change(config_id, {"timezone": "Mars/Base"}).status_code == 400
        (row,) = schedules.rows()
        assert (row["timezone"], row["cron_expression"]) == ("Asia/Kathmandu", "15 3 * * mon-fri")
