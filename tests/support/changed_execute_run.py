"""execute_run with a pipeline template that a test has changed, hosted by the fork server.

The request's header X-Changed-Template says what to change, as JSON: its keys replace those of the template's document,
`sql` is appended to its statements. Everything else is the function itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import flask
import yaml

from shared import bootstrap
from shared.configuration.templates import load_template
from shared.domain.runs.attempt import Begun, ClaimedRun
from shared.domain.runs.delivery import RunTask
from shared.domain.templates.templates import Template, resolve_parameters
from shared.http.messages import Answer
from shared.http.policies import PlatformCall, platform_caller
from shared.http.routes import Routes
from shared.pipeline.begin import begin_hop
from shared.pipeline.context import HopContext, Services
from shared.pipeline.stop_signal import StopSignal
from shared.runtime import log
from tests.support.template_copies import copy_templates

HEADER = "X-Changed-Template"
FOLDER = "CHANGED_TEMPLATES"  # the environment's variable that names it

routes = Routes("execute_run")


@routes.on("POST /api/v1/internal/execute", policy=platform_caller)
def execute(call: PlatformCall) -> Answer:
    """The answer of execute_run."""
    task, execution_id = call.body_as(RunTask), uuid.uuid4().hex
    log.bind(execution_id=execution_id, **task.model_dump(exclude={"closing"}))
    execution = bootstrap.run_execution(task, execution_id=execution_id)
    template = changed_template(str(task.pipeline_id), call.headers[HEADER])

    def begin(task: RunTask, run: ClaimedRun, stop_signal: StopSignal, services: Services) -> HopContext | Begun:
        """Begin the hop with the changed template instead of the stored one."""
        found = begin_hop(task, run, stop_signal, services)
        if isinstance(found, Begun):
            return found
        return replace(found, template=template, parameters=resolve_parameters(template, run.parameters))

    return Answer(200, {"status": replace(execution, begin=begin).execute()})


def changed_template(pipeline_id: str, changes: str) -> Template:
    """The template as the changes make it, read from files of its own."""
    folder = Path(os.environ[FOLDER]) / hashlib.sha256(f"{pipeline_id} {changes}".encode()).hexdigest()[:16]
    provider, domain, name = pipeline_id.split("-", 2)
    place = Path(provider, domain, f"{name.replace('-', '_')}.yml")
    if not folder.exists():
        _write_whole(folder, provider, place, json.loads(changes))
    template = load_template(folder / place)
    assert template is not None
    return template


def _write_whole(folder: Path, provider: str, place: Path, changes: dict[str, Any]) -> None:
    """Write the files aside and move them to the folder at once: another request may look at the same time."""
    aside = folder.with_suffix(f".{uuid.uuid4().hex}")
    copy_templates(aside, provider)
    write_changed(aside / place, changes)
    with contextlib.suppress(OSError):  # another request was quicker, and wrote the same
        aside.rename(folder)


def write_changed(path: Path, changes: dict[str, Any]) -> None:
    """Change the template's files."""
    with path.with_suffix(".sql").open("a") as statements:
        statements.write(changes.pop("sql", ""))
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def execute_run(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
