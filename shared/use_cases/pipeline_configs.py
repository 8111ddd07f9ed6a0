"""Makes, lists, changes, removes and previews a tenant's schedules."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from shared.adapters.google.tasks import Tasks
from shared.adapters.stores.pipeline_configs import PipelineConfigs
from shared.configuration.templates import get_template
from shared.domain.requests.auth import PresentedKey, require_tenant
from shared.domain.requests.creation import CreationRequest, Reply
from shared.domain.requests.identifiers import pipeline_id_of
from shared.domain.requests.paging import Place, find_place, first_page
from shared.domain.requests.parsing import IN_DIGITS, validated
from shared.domain.runs.sources import require_source
from shared.domain.schedules import pipeline_configs as domain
from shared.domain.schedules.cron_syntax import day_rule
from shared.domain.schedules.pipeline_configs import (
    ConfigRequest,
    ConfigSettings,
    ConfigStanding,
    CreatedConfig,
    PipelineConfig,
)
from shared.domain.schedules.schedule_load import load_warnings
from shared.domain.schedules.ticks import ticks_after
from shared.domain.templates.templates import Template
from shared.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from shared.runtime import log
from shared.use_cases.contention import until_applied


class ConfigListRequest(BaseModel):
    """The query string of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=200), IN_DIGITS] = 50
    page_token: Annotated[str, Field(max_length=512)] | None = None


class PreviewRequest(BaseModel):
    """The query string of the preview."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: Annotated[int, Field(ge=1, le=100), IN_DIGITS] = 10


@dataclass(frozen=True)
class ConfigRequests:
    """The requests about a tenant's schedules. `trigger_cron` is the cron of the trigger itself, in UTC."""

    configs: PipelineConfigs
    tasks: Tasks
    trigger_cron: str
    rng: random.Random = field(default_factory=random.SystemRandom)

    def create(self, key: PresentedKey, creation: CreationRequest) -> Reply:
        """Create a schedule. Two jobs.

        It raises NotFound if there is no such template, InvalidInput for bad fields, Conflict without a credential or
        if the tenant has the most schedules allowed, IdempotencyMismatch for a key that came with another body. A
        preview creates no schedule and takes one job.
        """
        standing = self._require_standing(key, with_active=True)
        request, digest = validated(ConfigRequest, creation.body), creation.body_digest
        now, user_id, idempotency_key = standing.owner.read_at, creation.user_id, creation.idempotency_key
        if request.preview:
            if idempotency_key:
                raise InvalidInput.of_field("Idempotency-Key", "cannot be sent with a preview, which saves nothing")
            self._check_new(request, standing)
            config = _new_config("", key.tenant_id, request, now, user_id)
            return Reply(self._previewed(config, standing), status=200)
        number = 0
        while True:
            config_id = _config_id(key.tenant_id, idempotency_key, number)
            config = _new_config(config_id, key.tenant_id, request, now, user_id)
            created = self.configs.find_created(config_id) if idempotency_key else None
            is_replayed = created is not None
            if created is None:
                self._check_new(request, standing)
                created = self.configs.insert(config, body_digest=digest)
                log.info("schedule created", config_id=config_id, pipeline_id=config.pipeline_id)
            if created and created.answers(digest, now):
                return Reply(self._created(config, created, standing), is_replayed, status=201)
            number += 1  # this id is used up

    def list_all(self, key: PresentedKey, query: Mapping[str, Any]) -> dict[str, Any]:
        """A page of schedules, newest first. One job."""
        request = validated(ConfigListRequest, query)
        after = find_place(request.page_token)
        configs = self._require_standing(key, after=after, limit=request.limit + 1).configs
        page, token = first_page(configs, request.limit, lambda config: Place(config.created_at, config.config_id))
        return {"pipelines": [_shown(config) for config in page], "next_page_token": token}

    def change(self, key: PresentedKey, config_id: str, body: Mapping[str, Any], user_id: str | None) -> dict[str, Any]:
        """Change a schedule and return it, or its preview. Two jobs, or one if `body` changes nothing.

        It raises NotFound for a schedule that is not this tenant's. A schedule that is switched on or gets other
        parameters must be able to run, like a new one.
        """
        return until_applied(lambda: self._change(key, config_id, body, user_id), rng=self.rng)

    def remove(self, key: PresentedKey, config_id: str, user_id: str | None) -> dict[str, Any]:
        """Remove a schedule and request the end of its waiting runs. It raises NotFound if there is none. Two jobs."""
        waiting = until_applied(lambda: self._remove(key, config_id, user_id), rng=self.rng)
        if waiting:
            self.tasks.kick()
        return {
            "config_id": config_id,
            "tenant_id": key.tenant_id,
            "status": "DELETED",
            "cancelled_runs": waiting,
            "message": "Schedule removed",
        }

    def preview(self, key: PresentedKey, config_id: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """The next fire times, as if the schedule were active. It raises NotFound if there is no schedule. One job."""
        standing, config = self._require_config(key, config_id, with_active=True)
        return self._previewed(config, standing, count=validated(PreviewRequest, query).count)

    def _previewed(self, config: PipelineConfig, standing: ConfigStanding, *, count: int = 10) -> dict[str, Any]:
        settings, now = config.settings, standing.owner.read_at
        ticks = islice(ticks_after(settings.cron_expression, settings.zone, after=now), count)
        return {
            "config_id": config.config_id or None,
            "cron_expression": settings.cron_expression,
            "timezone": settings.timezone,
            "is_active": settings.is_active,
            "day_rule": day_rule(settings.cron_expression),
            "fire_times": [{"utc": tick, "local": tick.astimezone(settings.zone).isoformat()} for tick in ticks],
            "warnings": self._warnings(config, standing),
        }

    def _check_new(self, request: ConfigRequest, standing: ConfigStanding) -> None:
        template = get_template(request.provider, request.domain, request.template)
        _check_runnable(template, request, standing)
        # Calls at the same moment may exceed the limit by a few: it protects the platform and is not billed.
        if standing.config_count >= domain.MAX_CONFIGS:
            raise Conflict(
                "The tenant has as many schedules as it may have; remove one first.", limit=domain.MAX_CONFIGS
            )

    def _created(self, config: PipelineConfig, created: CreatedConfig, standing: ConfigStanding) -> dict[str, Any]:
        return {
            "config_id": config.config_id,
            "tenant_id": config.tenant_id,
            "pipeline_id": config.pipeline_id,
            "status": _status(config),
            "next_run_time": created.next_run_time,
            "message": "Pipeline scheduled successfully",
            **_warnings_field(self._warnings(config, standing)),
        }

    def _change(
        self, key: PresentedKey, config_id: str, body: Mapping[str, Any], user_id: str | None
    ) -> dict[str, Any]:
        standing, before = self._require_config(key, config_id, with_active=True)
        now, is_preview, body = standing.owner.read_at, *_without_preview(body)
        settings = domain.changed_settings(before.settings, body)
        if settings != before.settings:
            is_switched_on = settings.is_active and not before.settings.is_active
            if is_switched_on or settings.parameters != before.settings.parameters:
                template = get_template(before.provider, before.domain, before.pipeline_template)
                _check_runnable(template, settings, standing)
            after = domain.changed(before, settings, now)
            if is_preview:
                return self._previewed(after, standing)
            self.configs.update(before, after, user_id=user_id, details=domain.change_details(before, after, now))
            log.info("schedule changed", config_id=config_id)
            before = after
        if is_preview:
            return self._previewed(before, standing)
        return {**_shown(before), "message": "Schedule updated", **_warnings_field(self._warnings(before, standing))}

    def _remove(self, key: PresentedKey, config_id: str, user_id: str | None) -> int:
        standing, config = self._require_config(key, config_id)
        now = standing.owner.read_at
        given_up = domain.given_up(config, None, now)
        waiting = self.configs.delete(config, deleted_at=now, user_id=user_id, details=given_up)
        log.info("schedule removed", config_id=config_id, waiting_runs=waiting)
        return waiting

    def _require_standing(self, key: PresentedKey, **options: Any) -> ConfigStanding:
        standing = self.configs.find_standing(key, **options)
        if standing is None:
            raise Unauthenticated
        require_tenant(standing.owner, key.tenant_id)
        return standing

    def _require_config(
        self, key: PresentedKey, config_id: str, *, with_active: bool = False
    ) -> tuple[ConfigStanding, PipelineConfig]:
        standing = self._require_standing(key, config_id=config_id, with_active=with_active)
        if not standing.configs:
            raise NotFound("There is no such schedule.")
        return standing, standing.configs[0]

    def _warnings(self, config: PipelineConfig, standing: ConfigStanding) -> list[str]:
        now, cron, limit = standing.owner.read_at, self.trigger_cron, standing.owner.daily_limit
        found = domain.warnings_of(config.settings, trigger_cron=cron, now=now)
        return found + load_warnings(config, standing.active, daily_limit=limit, trigger_cron=cron, now=now)


def _warnings_field(warnings: list[str]) -> dict[str, list[str]]:
    return {"warnings": warnings} if warnings else {}


def _without_preview(body: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    is_preview = body.get("preview", False)
    if not isinstance(is_preview, bool):
        raise InvalidInput.of_field("preview", "must be true or false")
    return is_preview, {name: value for name, value in body.items() if name != "preview"}


def _config_id(tenant_id: str, idempotency_key: str | None, number: int) -> str:
    """The id to try when `number` earlier ids are used up; the same for each call with the same Idempotency-Key."""
    return domain.repeatable_config_id(tenant_id, idempotency_key, number) if idempotency_key else str(uuid.uuid4())


def _new_config(
    config_id: str, tenant_id: str, request: ConfigRequest, now: datetime, user_id: str | None
) -> PipelineConfig:
    return PipelineConfig(
        config_id=config_id,
        tenant_id=tenant_id,
        provider=request.provider,
        domain=request.domain,
        pipeline_template=request.template,
        pipeline_id=pipeline_id_of(request.provider, request.domain, request.template),
        settings=request.settings,
        next_run_time=domain.first_run_time(request.settings, now),
        created_at=now.astimezone(UTC),
        created_by_user_id=user_id,
    )


def _check_runnable(template: Template, settings: ConfigSettings, standing: ConfigStanding) -> None:
    """Raise InvalidInput or Conflict unless a run of the template with these settings could start."""
    parameters = domain.resolve_config_parameters(template, settings.parameters)
    require_source(template, parameters, standing.credentials, within="parameters")


def _status(config: PipelineConfig) -> str:
    return "ACTIVE" if config.settings.is_active else "INACTIVE"


def _shown(config: PipelineConfig) -> dict[str, Any]:
    return {
        "config_id": config.config_id,
        "tenant_id": config.tenant_id,
        "pipeline_id": config.pipeline_id,
        "provider": config.provider,
        "domain": config.domain,
        "template": config.pipeline_template,
        "status": _status(config),
        **config.settings.model_dump(),
        "next_run_time": config.next_run_time,
        "last_run_time": config.last_run_time,
        "last_run_status": config.last_run_status,
        "created_by_user_id": config.created_by_user_id,
        "created_at": config.created_at,
        "updated_at": config.updated_at,
    }
