"""Runs a sql step: a dry run checks the query, then one job writes its result into the step's staging table.

A dry run takes as long as a small query. Without a byte limit it only checks the template, so each process runs it
once for each statement and shape. After a failed job it runs again, as its error message explains the failure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.adapters.bigquery.costs import Estimate, JobCosts, ResultColumn, tables_read
from shared.adapters.bigquery.job_errors import InvalidStatement, Missing
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import Job
from shared.configuration.lookups import get_lookup
from shared.configuration.tables import get_table
from shared.errors import InvalidTemplate, JobFailed, SourceNotFound
from shared.pipeline.byte_limits import refuse_beyond
from shared.pipeline.context import HopContext, day_of
from shared.pipeline.journal import StepRecord
from shared.pipeline.plan import PlannedStep
from shared.pipeline.statements import filled, steps_read
from shared.pipeline.steps.result import StepResult
from shared.pipeline.steps.staging_job import staging_job

_PROVED: set[tuple[str, str]] = set()


def run_sql(
    hop: HopContext, step: PlannedStep, records: Mapping[str, StepRecord], *, max_bytes_billed: int | None
) -> StepResult:
    """Run the step's statement over the staging tables of earlier steps. The result has the step's days.

    If it would bill more than is left, BytesLimitExceeded is raised before anything is billed.
    """
    template = step.statement
    if template is None:
        raise InvalidTemplate(f"steps.{step.id}: has no statement")
    dates = _dates(hop, template, records)
    query = filled(template, {name: f"{{staging}}.{record.output_table}" for name, record in records.items()})
    step = step.over(dates, query.text)
    table = hop.staging_table(step)
    work = _Work(hop, step, template, query, _values(hop, query, dates), max_bytes_billed)
    job = work.done(table)
    warehouse = hop.services.warehouse
    own = {(warehouse.project, dataset) for dataset in (hop.task.tenant_id, warehouse.staging)}
    refuse_foreign_tables(step.id, tables_read(job), own)
    return StepResult(
        rows=hop.services.staging.count_rows(table),
        job_id=job.job_id,
        output_table=table,
        details={"dates": [str(day) for day in dates]},
        costs=JobCosts.of_job(job),
    )


@dataclass(frozen=True)
class _Work:
    """A step's query, as the template has it and as it is sent."""

    hop: HopContext
    step: PlannedStep
    template: Statement
    query: Statement
    values: Mapping[str, Any]
    max_bytes_billed: int | None

    def done(self, table: str) -> Job:
        """The finished job that fills the table."""
        was_proved = self._is_proved()

        def start(job_id: str) -> Job:
            if not was_proved:
                self._prove()
            return self.hop.services.staging.fill(
                table,
                self.query,
                self.values,
                job_id=job_id,
                dataset=self.hop.task.tenant_id,
                max_bytes_billed=self.max_bytes_billed,
            )

        try:
            return staging_job(self.hop, self.step, start)
        except JobFailed:
            if was_proved:
                self._prove()
            raise

    @property
    def _proof(self) -> tuple[str, str]:
        return (self.template.text, self.step.values["shape"])

    def _is_proved(self) -> bool:
        return self.max_bytes_billed is None and self._proof in _PROVED

    def _prove(self) -> None:
        estimate = _estimate(self.hop, self.step, self.query, self.values)
        check_columns(self.step, estimate.columns)
        refuse_beyond(f"steps.{self.step.id}", self.max_bytes_billed, estimate.bytes_billed)
        _PROVED.add(self._proof)


def _estimate(hop: HopContext, step: PlannedStep, query: Statement, values: Mapping[str, Any]) -> Estimate:
    try:
        return hop.services.warehouse.estimate(query, values, dataset=hop.task.tenant_id)
    except InvalidStatement as error:
        where = f"{hop.template.pipeline_id}: steps.{step.id}: {query.name}"
        raise InvalidTemplate(f"{where}: {error.message}") from error
    except Missing as error:
        raise SourceNotFound(f"steps.{step.id} reads a table that does not exist: {error.message}") from error


def check_columns(step: PlannedStep, found: Mapping[str, ResultColumn]) -> None:
    """Raise InvalidTemplate, which names step and column, unless the result has the columns of the step's shape."""
    shape = step.values["shape"]
    wanted = {
        column.name: ResultColumn.of_api(column.to_api()) for column in get_table("tenant_dataset", shape).columns
    }
    for name in [*wanted, *found]:
        has, needs = found.get(name), wanted.get(name)
        if has == needs:
            continue
        if has is None:
            raise InvalidTemplate(f"steps.{step.id}: the result has no column {name}, which {shape} has")
        if needs is None:
            raise InvalidTemplate(f"steps.{step.id}: {shape} has no column {name}, which the result has")
        raise InvalidTemplate(f"steps.{step.id}: column {name} is {has} in the result and {needs} in {shape}")


def refuse_foreign_tables(
    step_id: str, tables: Iterable[tuple[str, str, str]], own: Collection[tuple[str, str]]
) -> None:
    """Raise InvalidTemplate if a job read a table outside these datasets, whatever its SQL looked like."""
    for project, dataset, table in tables:
        if (project, dataset) not in own:
            raise InvalidTemplate(f"steps.{step_id} read {table}, which is not in the dataset of the run's tenant")


def _dates(hop: HopContext, statement: Statement, records: Mapping[str, StepRecord]) -> list[date]:
    """The days of the steps that the statement reads; if it reads none, the requested days, or all days touched so far.

    If a published row covers a month, the days are whole months.
    """
    first, last = day_of(hop.parameters.get("start_date")), day_of(hop.parameters.get("end_date"))
    first, last = day_of(hop.parameters.get("date")) or first, day_of(hop.parameters.get("date")) or last
    read = steps_read(statement)
    if not read and first and last:
        return hop.template.days_covered(first, last)
    sources = [record for step_id, record in records.items() if step_id in read or not read]
    return sorted({date.fromisoformat(day) for record in sources for day in record.details.get("dates", [])})


def _values(hop: HopContext, statement: Statement, dates: list[date]) -> dict[str, Any]:
    known = {**run_values(hop), "dates": dates}
    return {name: known[name] for name in statement.parameters}


def run_values(hop: HopContext) -> dict[str, Any]:
    """The values of the parameters of a run's statements, except the days, which differ by step."""
    template = hop.template
    return {
        "source": hop.source,
        "snapshot_at": hop.snapshot_at,
        "pipeline_logging_id": hop.task.pipeline_logging_id,
        "tenant_id": hop.task.tenant_id,
        **{name: hop.parameters.get(name, parameter.default) for name, parameter in template.parameters.items()},
        **{name: get_lookup(template, name).text for name in template.lookups},
    }
