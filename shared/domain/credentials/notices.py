"""Writes the messages about missing, unused and needed credentials, so that all routes use the same words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def not_set_up(provider: str) -> str:
    """The message about a missing credential."""
    return f"No {provider} credentials are stored; store them first."


def use_of(provider: str, pipelines: Sequence[str]) -> str | None:
    """The warning about credentials that no pipeline uses; None if a pipeline uses them."""
    if pipelines:
        return None
    return (
        f"No pipeline of this platform loads {provider} bills yet: the credentials are stored, and nothing uses them."
    )


def other_sources_warning(source: str, others: Sequence[str]) -> str | None:
    """The warning that rows of other exports are published besides those of the new one; None if there are none."""
    if not others:
        return None
    return (
        f"Runs of this credential load {source}, and rows of {', '.join(others)} are published. If both bill the same "
        "costs, sums count it twice: filter by x_source, or have the old rows deleted (docs/runbook, Another export)."
    )


def removal_warning(provider: str, schedules: int) -> str | None:
    """The warning that active schedules are left without a credential; None if there are none."""
    if not schedules:
        return None
    named = "1 active schedule needs" if schedules == 1 else f"{schedules} active schedules need"
    return f"{named} {provider} credentials; their runs fail until some are set up, or the schedules are switched off."


def unnamed_source_warning(
    schedules: Sequence[Mapping[str, Any]], source_parameters: Mapping[str, str | None]
) -> str | None:
    """The warning that neither the credential nor some active schedules name a source; None if all do.

    `source_parameters` has the parameter that names the source, by pipeline.
    """
    found: dict[str, list[str]] = {}
    for schedule in schedules:
        name = source_parameters.get(schedule["pipeline_id"])
        if name and not (json.loads(schedule["parameters"] or "null") or {}).get(name):
            found.setdefault(name, []).append(f"{schedule['pipeline_id']} ({schedule['config_id']})")
    if not found:
        return None
    parts = [f"Neither the credential nor {', '.join(named)} names a {name}" for name, named in found.items()]
    return f"{'; '.join(parts)}: the runs of these active schedules fail until one of the two names it."
