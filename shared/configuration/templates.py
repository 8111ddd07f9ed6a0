"""Loads the pipeline templates configs/<provider>/<domain>/<template>.yml and finds their SQL files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from shared.configuration.cache import stamp_of
from shared.configuration.files import load_document
from shared.configuration.platform_config import CONFIGS
from shared.domain.requests.identifiers import is_template_part
from shared.domain.templates.template_parsing import parse_template
from shared.domain.templates.templates import Template
from shared.errors import BrokenTemplate, ConfigError, NotFound
from shared.runtime import log

PROVIDERS = ("gcp", "aws", "azure", "focus")  # focus: FOCUS files, whoever wrote them


def find_template(provider: str, domain: str, template: str) -> Template | None:
    """The template of that name, or None. BrokenTemplate names file, line and field if its file is not valid."""
    if provider not in PROVIDERS or not is_template_part(domain) or not is_template_part(template):
        return None
    return load_template(CONFIGS / provider / domain / f"{template}.yml")


def load_template(path: Path) -> Template | None:
    """The template in a file, or None if there is no such file. The last three parts of the path are its name.

    The file is read again if it or its SQL has changed.
    """
    return _load(path, _edition(path))


@lru_cache(maxsize=512)  # bounded, because callers choose the names, and wrong names are kept too
def _load(path: Path, edition: str) -> Template | None:
    return read_template(path, file="/".join(path.parts[-3:]), edition=edition) if path.is_file() else None


def _edition(path: Path) -> str:
    files = [path, *_own_sql_files(path.with_suffix(".sql")), *_included_folder(path).glob("*.sql")]
    return " ".join(f"{file.name}: {stamp_of(file)}" for file in files)


def read_template(path: Path, *, file: str, edition: str | None = None) -> Template:
    """The template in a file. BrokenTemplate reports its problems under the name `file`."""
    provider, domain = path.parts[-3:-1]
    try:
        document = load_document(path, file=file)
        found = parse_template(
            document.content,
            provider=provider,
            domain=domain,
            template=path.stem,
            file=file,
            folder=str(path.parent),
            edition=_edition(path) if edition is None else edition,
            line_of=document.line_of,
        )
        missing = [index for index, name in enumerate(found.include) if not included_file(found, name).is_file()]
        if missing:
            raise document.error([(("include", index), "there is no such file in configs/sql") for index in missing])
    except ConfigError as error:
        raise BrokenTemplate(error.message) from error
    return found


def get_template(provider: str, domain: str, template: str) -> Template:
    """The template of that name. It raises NotFound if there is none."""
    if found := find_template(provider, domain, template):
        return found
    known = ", ".join(f"{each.provider}/{each.domain}/{each.template}" for each in usable_templates())
    raise NotFound(f"There is no such pipeline template; the templates are {known}.")


def sql_file(template: Template) -> Path:
    """The template's SQL file, in the folder of its YAML file."""
    return folder_of(template) / f"{template.template}.sql"


def sql_files(template: Template) -> list[Path]:
    """A template's <template>.sql, every <template>.<part>.sql in the same folder, and the files that it includes.

    A template that includes files needs none of its own.
    """
    included = [included_file(template, name) for name in template.include]
    return [*(file for file in _own_sql_files(sql_file(template)) if file.is_file() or not included), *included]


def included_file(template: Template, name: str) -> Path:
    """The file of SQL that several templates may include under this name: configs/sql/<name>.sql."""
    return _included_folder(sql_file(template)) / f"{name}.sql"


def _own_sql_files(file: Path) -> list[Path]:
    return [file, *sorted(file.parent.glob(f"{file.stem}.*.sql"))]


def _included_folder(file: Path) -> Path:
    return file.parents[2] / "sql"


def folder_of(template: Template) -> Path:
    """The folder of the template's files."""
    return Path(template.folder) if template.folder else CONFIGS / template.provider / template.domain


def all_templates() -> list[Template]:
    """All templates. It raises BrokenTemplate if the file of one is not valid."""
    return [template for path in _paths() if (template := load_template(path)) is not None]


def usable_templates() -> list[Template]:
    """All templates whose files are valid. Invalid ones are logged with file and line, and affect no others."""
    found = []
    for path in _paths():
        try:
            template = load_template(path)
        except BrokenTemplate as error:
            log.error("template not loaded", problem=error.message)
            continue
        if template is not None:
            found.append(template)
    return found


def _paths() -> list[Path]:
    return sorted(path for provider in PROVIDERS for path in (CONFIGS / provider).glob("*/*.yml"))
