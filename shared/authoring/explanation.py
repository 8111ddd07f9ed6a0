"""Explains a run without running it: its steps in order, their SQL, parameters and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from shared.adapters.bigquery.sql import Statement, placeholders
from shared.configuration.lookups import get_lookup
from shared.configuration.platform_config import get_platform
from shared.configuration.settings import Settings
from shared.domain.templates.templates import Template, source_of
from shared.pipeline.check_statements import Checked, checks_statement, render_checks
from shared.pipeline.guards import render_guards
from shared.pipeline.plan import CHECKS, PUBLISH, PlannedStep, plan_steps
from shared.pipeline.publish import publish_statement
from shared.pipeline.statements import filled

_TABLE = r"`(?P<dataset>\w+)`\.`?(?P<table>\w+)`?"
_WRITERS = (
    r"INSERT\s+INTO",
    r"UPDATE",
    r"DELETE\s+FROM",
    r"MERGE",
)
_WRITTEN = re.compile(rf"\b(?:{'|'.join(_WRITERS)})\s+{_TABLE}")
_LONGEST_VALUE = 100


class Later(str):
    """Placeholders for the values that only the run itself knows."""

    __slots__ = ()


def explain(template: Template, parameters: Mapping[str, Any], *, tenant_id: str) -> Iterator[str]:
    """The lines that explain a run with these resolved parameters."""
    source = source_of(template, parameters, None) or Later("what the tenant's credential names")
    steps = plan_steps(
        template,
        tenant_id=tenant_id,
        parameters=parameters,
        source=source,
        snapshot_at=datetime.now(UTC),
        watermark=None,
    )
    staged = {step.id: f"{{staging}}.{tenant_id}__RUN__{step.id}" for step in template.steps}
    known = _known(template, parameters, source, tenant_id)
    yield f"{template.pipeline_id} for {tenant_id}: {template.description}"
    yield f"owner {template.owner}, credentials {template.credentials}, source {_shown(source)}"
    yield f"days: {_days_in_words(template, parameters)}"
    yield f"limit: {_limit(template.max_bytes_billed)} for the run"
    for number, step in enumerate(steps, start=1):
        yield ""
        yield f"{number}. {step.id} ({step.uses}), at most {step.timeout_seconds} s, {step.retry.attempts} attempt(s)"
        yield from _step(template, step, staged, known)


def _step(template: Template, step: PlannedStep, staged: Mapping[str, str], known: Mapping[str, Any]) -> Iterator[str]:
    if step.id == CHECKS:
        yield from _checks(template, step, staged, known)
    elif step.id == PUBLISH:
        script = publish_statement(template, staged)
        prefixes = [f"{target.table}_" for target in template.publish]
        values = {name: known.get(_bare(name, prefixes), Later("the run's")) for name in script.parameters}
        tables = {f"{prefix}table_name": prefix[:-1] for prefix in prefixes}
        yield from _statement(script, {**values, **tables}, known["tenant_id"])
    elif step.statement is not None:
        yield f"   limit: {_limit(step.max_bytes_billed)}"
        query = filled(step.statement, staged)
        yield from _statement(query, known, known["tenant_id"], into=staged[step.id])
    else:
        for name, value in step.values.items():
            yield f"   {name}: {_shown(value if value is not None else Later('the run finds it'))}"
        yield f"   reads: {_shown(known['source'])}"
        yield f"   writes: {_table_name(staged[step.id], known['tenant_id'])}"


def _checks(
    template: Template, step: PlannedStep, staged: Mapping[str, str], known: Mapping[str, Any]
) -> Iterator[str]:
    checked = Checked(
        staged=staged,
        dates=dict.fromkeys(staged, known["dates"]),
        counted=dict.fromkeys(staged, ()),
        values=known,
    )
    rendered = [*render_checks(template, step.values, checked), *render_guards(template, checked)]
    for item in rendered:
        yield f"   {item.severity} {item.check_id}: {item.uses} of {item.step}"
    statement, values = checks_statement(rendered)
    yield from _statement(statement, values, known["tenant_id"])


def _statement(
    statement: Statement, values: Mapping[str, Any], tenant_id: str, *, into: str | None = None
) -> Iterator[str]:
    datasets = get_platform().datasets
    names = {"tenants": datasets.central, "staging": datasets.staging, "dataset": tenant_id}
    sql = statement.sql(**{name: names[name] for name in placeholders(statement.text)})
    written = {_name(match) for match in _WRITTEN.finditer(sql)}
    read = {_name(match) for match in re.finditer(_TABLE, _WRITTEN.sub("", sql))}
    if into:
        written.add(_table_name(into, tenant_id))
    yield f"   reads: {', '.join(sorted(read)) or 'no table'}"
    yield f"   writes: {', '.join(sorted(written)) or 'no table'}"
    for name, kind in statement.parameters.items():
        yield f"   @{name} {kind} = {_shown(values[name])}"
    yield from (f"   | {line}" if line else "   |" for line in sql.splitlines())


def _known(template: Template, parameters: Mapping[str, Any], source: str, tenant_id: str) -> dict[str, Any]:
    own = {name: parameters.get(name, parameter.default) for name, parameter in template.parameters.items()}
    lookups = {name: get_lookup(template, name).text for name in template.lookups}
    return {
        "source": source,
        "dates": _days(template, parameters),
        "snapshot_at": Later("when the run first read its source"),
        "pipeline_logging_id": Later("the run's id"),
        "tenant_id": tenant_id,
        "pipeline_id": template.pipeline_id,
        **own,
        **lookups,
    }


_COVERED = {
    "day": "{days} days",
    "month": "{days} days, whole months",
    "billing_period": "{days} billing periods",
}


def _days(template: Template, parameters: Mapping[str, Any]) -> Sequence[date]:
    first = parameters.get("date") or parameters.get("start_date")
    last = parameters.get("date") or parameters.get("end_date")
    if not first or not last:
        return ()
    return template.days_covered(date.fromisoformat(first), date.fromisoformat(last))


def _days_in_words(template: Template, parameters: Mapping[str, Any]) -> str:
    days = _days(template, parameters)
    if not days:
        return "those on which something is new"
    if len(days) == 1:
        return str(days[0])
    return f"{days[0]} to {days[-1]}, {_COVERED[template.grain].format(days=len(days))}"


def _bare(name: str, prefixes: Sequence[str]) -> str:
    return next((name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)), name)


def _limit(bytes_billed: int | None) -> str:
    if bytes_billed is not None:
        return f"{bytes_billed:,} bytes billed"
    default = Settings.model_fields["max_bytes_billed"].default
    return f"that of the platform, MAX_BYTES_BILLED ({default:,} bytes billed by default)"


def _name(match: re.Match[str]) -> str:
    return f"{match['dataset']}.{match['table']}"


def _table_name(table: str, tenant_id: str) -> str:
    return table.format(staging=get_platform().datasets.staging, dataset=tenant_id)


def _shown(value: object) -> str:
    if isinstance(value, Later):
        return f"<{value}>"
    if isinstance(value, list | tuple):
        text = f"[{', '.join(_shown(item) for item in value)}]" if value else "<the days the step touches>"
    else:
        text = "NULL" if value is None else str(value).upper() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)} characters)"
