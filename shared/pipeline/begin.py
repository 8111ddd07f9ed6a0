"""Begins an attempt: finds the run's source, takes the fence, and notices a run that has already ended."""

from __future__ import annotations

from shared.adapters.stores.publish_jobs import PublishJobs, fence_of
from shared.configuration.templates import find_template
from shared.domain.credentials.notices import not_set_up
from shared.domain.requests.identifiers import pipeline_id_of
from shared.domain.runs.attempt import Begun, ClaimedRun, snapshot_of
from shared.domain.runs.delivery import RunTask
from shared.domain.templates.templates import Template, resolve_parameters, source_of
from shared.errors import CredentialsRejected, InvalidTemplate, RunError, SourceChanged, SourceNotFound
from shared.pipeline.context import HopContext, Services
from shared.pipeline.stop_signal import StopSignal
from shared.pipeline.turn import await_own_publish
from shared.runtime import log


def begin_hop(task: RunTask, run: ClaimedRun, stop_signal: StopSignal, services: Services) -> HopContext | Begun:
    """Return the hop under the fence of its pipeline and source, or the run's end if an earlier delivery has ended it.

    It raises FenceLost if another attempt took over. It raises InvalidTemplate, CredentialsRejected, SourceNotFound or
    SourceChanged if the run cannot be executed as it was accepted.
    """
    template = find_template(run.provider, run.domain, run.pipeline_template)
    pipeline_id = pipeline_id_of(run.provider, run.domain, run.pipeline_template)
    source = source_of(template, run.parameters, run.credential_source) if template else None
    # The dispatcher lets one run of a pipeline and accepted source run at a time. The fence must be that source's.
    fenced = source if source == run.accepted_source else None
    begun = _take_fence(task, run, stop_signal, services, pipeline_id=pipeline_id, source=fenced)
    if begun.has_ended:
        return begun
    if template is None:
        raise InvalidTemplate(f"The template of {pipeline_id} does not exist any more.")
    if source is None or fenced is None:
        raise _no_source(template, run, source)
    return HopContext(
        task=task,
        run=run,
        template=template,
        parameters=resolve_parameters(template, run.parameters),
        source=source,
        begun=begun,
        snapshot_at=snapshot_of(run, begun.published_at),
        stop_signal=stop_signal,
        services=services,
    )


def _take_fence(
    task: RunTask, run: ClaimedRun, stop_signal: StopSignal, services: Services, *, pipeline_id: str, source: str | None
) -> Begun:
    """Take the fence and return the run's state, read when no publish of an earlier attempt can commit any more."""
    runs = services.runs
    with log.bound(step_id="begin"):
        begun = runs.begin(task, run, pipeline_id=pipeline_id, source=source)
        if source is None or begun.has_ended:
            return begun
        jobs = PublishJobs(services.warehouse, task, fence_of(pipeline_id, source))
        turn = await_own_publish(jobs, begun.turn, stop_signal.pause_for_job)
        return runs.find_begun(task, pipeline_id=pipeline_id, source=source) if turn else begun


def _no_source(template: Template, run: ClaimedRun, source: str | None) -> RunError:
    if source is not None:
        return SourceChanged(
            f"The credential names {source}, but the run was accepted for {run.accepted_source}; start it again."
        )
    if run.credential is None:
        return CredentialsRejected(not_set_up(template.credentials))
    return SourceNotFound(
        f"Neither the credential nor the run names a {template.source_parameter or 'source'}; name it in one of them."
    )
