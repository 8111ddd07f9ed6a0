"""Loads configs/platform.yml: the functions, queues, datasets and accounts of the platform."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from shared.configuration.files import load_document

DATASET_WRITERS = ("worker", "api", "console")  # the accounts that write into tenants' datasets
CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Datasets(_Strict):
    """Names of the datasets that belong to the platform itself."""

    central: str
    staging: str
    staging_expiration_days: int


class Kms(_Strict):
    """The key that encrypts tenants' credentials."""

    key_ring: str
    key: str
    rotation_days: int


class Secret(_Strict):
    """A secret and the aliases of the versions that functions read."""

    id: str
    aliases: list[str]


class Queue(_Strict):
    """A Cloud Tasks queue and the function that it delivers to.

    A queue without `max_concurrent_dispatches` gets the instances that the other queues leave. Loading fills it in.
    """

    id: str
    function: str
    max_dispatches_per_second: float
    max_concurrent_dispatches: int = 0
    max_attempts: int
    min_backoff_seconds: float
    max_backoff_seconds: float


class ServiceAccount(_Strict):
    """A service account and its rights outside BigQuery."""

    id: str
    description: str
    kms: list[Literal["encrypt", "decrypt"]] = []
    secrets: list[str] = []
    queues: list[str] = []
    datasets: list[Literal["create", "fill_staging", "sweep_staging"]] = []


class FunctionSchedule(_Strict):
    """The Cloud Scheduler job that calls a function. `overdue_after_seconds` without a success cause an alert."""

    job: str
    cron: str
    attempt_deadline_seconds: int
    overdue_after_seconds: int = 7_500


class Function(_Strict):
    """One deployed function."""

    description: str
    access: Literal["public", "private"]
    answers: Literal["json", "pages"] = "json"
    invokers: list[str] = []
    service_account: str
    routes: list[str]
    memory: str
    timeout_seconds: int
    concurrency: int
    max_instances: int
    min_instances: int = 0
    environment: list[str] = []
    schedule: FunctionSchedule | None = None


class Platform(_Strict):
    """The whole file."""

    name: str
    datasets: Datasets
    kms: Kms
    secrets: dict[str, Secret]
    queues: dict[str, Queue]
    service_accounts: dict[str, ServiceAccount]
    functions: dict[str, Function]

    @model_validator(mode="after")
    def _queues_deliver_no_more_than_functions_take(self) -> Platform:
        # When all instances are busy, Cloud Run answers 429, and Cloud Tasks then slows the whole queue down.
        for name in {queue.function for queue in self.queues.values()}:
            if name not in self.functions:
                raise ValueError(f"queues: there is no function {name}")
            function, queues = self.functions[name], [each for each in self.queues.values() if each.function == name]
            rest = [queue for queue in queues if not queue.max_concurrent_dispatches]
            named = sum(queue.max_concurrent_dispatches for queue in queues)
            left = function.max_instances * function.concurrency - named
            if left < len(rest) or len(rest) > 1:
                takes = f"queues: {name} takes {left + named} requests at once, and its queues' limits sum to {named}"
                unlimited = f", and {len(rest)} without a limit take the rest" if rest else ""
                raise ValueError(f"{takes}{unlimited}; lower the limits, and leave at most one queue without one")
            for queue in rest:
                object.__setattr__(queue, "max_concurrent_dispatches", left)
        return self

    def account_email(self, name: str, project: str) -> str:
        """The e-mail of a service account. For a project with a domain (example.com:acme) the domain comes last."""
        domain, _, own = project.rpartition(":")
        return f"{self.service_accounts[name].id}@{own}{f'.{domain}' if domain else ''}.iam.gserviceaccount.com"

    def timeout_of(self, function: str) -> float | None:
        """The timeout of a function in seconds; None for a function that is not in the file."""
        known = self.functions.get(function)
        return known.timeout_seconds if known else None


@cache
def get_platform(path: Path = CONFIGS / "platform.yml") -> Platform:
    """The platform. ConfigError names file, line and field if the file is not valid."""
    return load_document(path).parsed(Platform)
