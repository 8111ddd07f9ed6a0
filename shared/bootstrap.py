"""Wires the product's objects. Each client is built once in a process, when a request first needs it."""

from __future__ import annotations

import math
import uuid
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from shared.configuration.platform_config import get_platform
from shared.configuration.settings import get_settings

if TYPE_CHECKING:
    from shared.adapters.bigquery.warehouse import Warehouse
    from shared.adapters.google.admin_keys import SecretAdminKeys
    from shared.adapters.google.alert_tasks import AlertTarget, EvaluationTasks, SendingTasks
    from shared.adapters.google.oidc import OidcTokens
    from shared.adapters.google.secret_versions import SecretVersions
    from shared.adapters.google.tasks import Tasks
    from shared.adapters.stores.events import RunEvents
    from shared.adapters.stores.scheduler_jobs import SchedulerJobs
    from shared.domain.runs.delivery import RunTask
    from shared.pipeline.context import Services
    from shared.runtime.callers import Callers
    from shared.runtime.seals import Seals
    from shared.use_cases.accept_runs import RunIntake
    from shared.use_cases.cleanup_orphaned_pipelines import OrphanCleanup
    from shared.use_cases.close_runs import RunClosing
    from shared.use_cases.evaluate_alerts import AlertEvaluation
    from shared.use_cases.exchange_rates import TenantExchangeRates
    from shared.use_cases.execute_run import RunExecution
    from shared.use_cases.pipeline_configs import ConfigRequests
    from shared.use_cases.pipeline_runs import PipelineRuns
    from shared.use_cases.process_queue import Dispatcher
    from shared.use_cases.reencrypt_credentials import Reencryption
    from shared.use_cases.reset_daily_quotas import QuotaReset
    from shared.use_cases.run_pipeline import RunRequests
    from shared.use_cases.scheduler_status import SchedulerStatus
    from shared.use_cases.send_alert import AlertSending
    from shared.use_cases.setup_credentials import CredentialSetup
    from shared.use_cases.stored_credentials import StoredCredentials
    from shared.use_cases.tenant_alerts import TenantAlerts
    from shared.use_cases.tenant_costs import TenantCosts
    from shared.use_cases.tenant_list import TenantList
    from shared.use_cases.tenant_usage import TenantUsage
    from shared.use_cases.trigger_due_pipelines import ScheduleTrigger
    from shared.use_cases.verify_credential import CredentialVerification
    from shared.use_cases.virtual_tags import TenantVirtualTags


@cache
def warehouse() -> Warehouse:
    """The platform's BigQuery."""
    from shared.adapters.bigquery.warehouse import open_warehouse
    from shared.adapters.google.retry_budget import RetryBudget

    settings, platform = get_settings(), get_platform()
    function, datasets = platform.functions.get(settings.function_name), platform.datasets
    retry_budget = RetryBudget.of_function(function.timeout_seconds) if function else RetryBudget()
    return open_warehouse(settings, central=datasets.central, staging=datasets.staging, retry_budget=retry_budget)


@cache
def callers() -> Callers:
    """The authentication and limits of tenants' requests."""
    from shared.adapters.stores.known_keys import KnownKeys
    from shared.adapters.stores.tenants import Tenants
    from shared.runtime.callers import Callers

    settings = get_settings()
    return Callers(
        KnownKeys(warehouse(), seconds=settings.key_seconds),
        Tenants(warehouse()),
        owner_seconds=settings.key_seconds,
        requests_at_once=settings.requests_at_once,
        queries_at_once=settings.queries_at_once,
        queries_per_minute=settings.queries_per_minute,
    )


@cache
def oidc_tokens() -> OidcTokens:
    """The verifier of callers' tokens. Cloud Run has checked them before, unless the function is reachable for all."""
    from shared.adapters.google.oidc import OidcTokens

    settings = get_settings()
    function = get_platform().functions.get(settings.function_name)
    behind_iam = function is not None and function.access == "private" and not settings.admin_key_ingress
    return OidcTokens(settings.oidc_certs_url, behind_iam=behind_iam)


@cache
def admin_keys() -> SecretAdminKeys | None:
    """The checker of the X-Admin-Key, or None in a function that does not have the secret."""
    from shared.adapters.google.admin_keys import SecretAdminKeys

    secret = get_settings().admin_key_secret
    return SecretAdminKeys(_secret_versions(secret, "admin_key")) if secret else None


@cache
def seals() -> Seals:
    """The seals of the console's cookies, forms and links."""
    from shared.runtime.seals import Seals

    return Seals(_secret_versions(get_settings().require("console_key_secret"), "console_key"))


def _secret_versions(secret: str, name: str) -> SecretVersions:
    from shared.adapters.google.secret_versions import SecretVersions, open_secret_manager

    open_client = cache(partial(open_secret_manager, get_settings().secret_manager_endpoint))
    return SecretVersions(open_client, secret, get_platform().secrets[name].aliases)


@cache
def run_events() -> RunEvents:
    """The store of run events."""
    from shared.adapters.stores.events import RunEvents

    return RunEvents(warehouse())


@cache
def _cloud_tasks() -> Any:
    """Cloud Tasks' client, opened when the first task is created."""
    from shared.adapters.google.task_creation import open_cloud_tasks

    return open_cloud_tasks(get_settings().cloud_tasks_endpoint)


@cache
def tasks() -> Tasks:
    """Kicks and run deliveries; Cloud Tasks' client is imported when the first task is created."""
    from shared.adapters.google.tasks import Tasks, TaskTargets

    settings = get_settings()
    targets = TaskTargets(
        kick_queue=settings.require("kick_queue"),
        kick_bucket_seconds=settings.kick_bucket_seconds,
        process_queue_url=settings.require("process_queue_url"),
        service_account=settings.require("tasks_service_account"),
        execute_queue=settings.execute_queue,
        close_queue=settings.close_queue,
        execute_run_url=settings.execute_run_url,
    )
    return Tasks(_cloud_tasks, targets)


@cache
def evaluation_tasks() -> EvaluationTasks:
    """The tasks that ask for evaluations of tenants' alerts."""
    from shared.adapters.google.alert_tasks import EvaluationTasks

    settings = get_settings()
    target = _alert_target(settings.require("evaluate_queue"), settings.require("evaluate_alerts_url"))
    return EvaluationTasks(_cloud_tasks, target, settings.kick_bucket_seconds)


@cache
def sending_tasks() -> SendingTasks:
    """The tasks that send messages to tenants' webhooks."""
    from shared.adapters.google.alert_tasks import SendingTasks

    settings = get_settings()
    return SendingTasks(
        _cloud_tasks, _alert_target(settings.require("send_queue"), settings.require("send_alerts_url"))
    )


def _alert_target(queue: str, function_url: str) -> AlertTarget:
    from shared.adapters.google.alert_tasks import AlertTarget

    return AlertTarget(queue, function_url, get_settings().require("tasks_service_account"))


@cache
def tenant_alerts() -> TenantAlerts:
    """The use cases of tenants' rules and alerts."""
    from shared.adapters.google.kms import open_credential_key
    from shared.adapters.stores.alerts import Alerts
    from shared.use_cases.tenant_alerts import TenantAlerts

    settings = get_settings()
    key, allows_local = open_credential_key(settings), settings.allow_local_webhooks
    return TenantAlerts(Alerts(warehouse()), key, evaluation_tasks(), sending_tasks(), allows_local=allows_local)


@cache
def alert_evaluation() -> AlertEvaluation:
    """The comparison of a tenant's rules with its costs."""
    from shared.adapters.stores.alert_costs import AlertCosts
    from shared.adapters.stores.alerts import Alerts
    from shared.use_cases.evaluate_alerts import AlertEvaluation

    return AlertEvaluation(Alerts(warehouse()), AlertCosts(warehouse()), sending_tasks())


@cache
def alert_sending() -> AlertSending:
    """The sender of messages to tenants' webhooks."""
    from shared.adapters.google.kms import open_credential_key
    from shared.adapters.stores.alerts import Alerts
    from shared.adapters.webhooks import Webhooks
    from shared.use_cases.send_alert import AlertSending

    settings = get_settings()
    webhooks = Webhooks(allows_local=settings.allow_local_webhooks)
    return AlertSending(Alerts(warehouse()), open_credential_key(settings), webhooks)


@cache
def credential_setup() -> CredentialSetup:
    """The use cases that change tenants' credentials."""
    from shared.adapters.google.kms import open_credential_key
    from shared.adapters.stores.credentials import Credentials
    from shared.adapters.stores.tenant_datasets import TenantDatasets
    from shared.use_cases.setup_credentials import CredentialSetup

    settings = get_settings()
    writers = [
        settings.require("worker_service_account"),
        settings.require("api_service_account"),
        settings.require("console_service_account"),
    ]
    return CredentialSetup(
        credentials=Credentials(warehouse()),
        key=open_credential_key(settings),
        datasets=TenantDatasets(warehouse(), writers, settings.dataset_kms_key),
        stored=stored_credentials(),
        settings=settings,
    )


@cache
def stored_credentials() -> StoredCredentials:
    """The use cases that list and try tenants' credentials."""
    from shared.adapters.google.credential_verifier import CredentialVerifier
    from shared.adapters.stores.credentials import Credentials
    from shared.domain.credentials.setup_guides import Platform
    from shared.use_cases.stored_credentials import StoredCredentials

    settings = get_settings()
    platform = Platform(
        project=settings.project_id,
        worker=settings.require("worker_service_account"),
        worker_id=settings.require("worker_unique_id"),
    )
    return StoredCredentials(
        Credentials(warehouse()), CredentialVerifier(settings.require("verify_credentials_url")), platform
    )


@cache
def credential_verification() -> CredentialVerification:
    """The use case that tries a tenant's credential."""
    from shared.adapters.google.kms import open_credential_key
    from shared.use_cases.verify_credential import CredentialVerification

    return CredentialVerification(open_credential_key(get_settings()), get_settings())


def reencryption() -> Reencryption:
    """The operator's re-encryption of stored credentials and webhooks' secrets."""
    from shared.adapters.google.kms import open_credential_key
    from shared.adapters.stores.credentials import Credentials
    from shared.adapters.stores.webhook_secrets import WebhookSecrets
    from shared.use_cases.reencrypt_credentials import Reencryption

    return Reencryption(Credentials(warehouse()), WebhookSecrets(warehouse()), open_credential_key(get_settings()))


@cache
def run_intake() -> RunIntake:
    """The acceptance of manual runs and backfills."""
    from shared.adapters.stores.run_acceptance import RunAcceptance
    from shared.use_cases.accept_runs import RunIntake

    return RunIntake(RunAcceptance(warehouse()), tasks())


@cache
def run_requests() -> RunRequests:
    """The requests for manual runs and backfills."""
    from shared.use_cases.backfill import Backfills
    from shared.use_cases.run_pipeline import ManualRuns, RunRequests

    intake = run_intake()
    return RunRequests(intake, ManualRuns(intake), Backfills(intake))


@cache
def tenant_usage() -> TenantUsage:
    """The use case that shows a tenant's limits and their use."""
    from shared.use_cases.tenant_usage import TenantUsage

    return TenantUsage(run_intake())


@cache
def tenant_runs() -> PipelineRuns:
    """The use cases of tenants' runs: list, show, cancel, retry."""
    from shared.adapters.stores.run_log import RunLog
    from shared.use_cases.pipeline_runs import PipelineRuns, new_looks

    looks = new_looks(seconds=get_settings().look_seconds)
    return PipelineRuns(RunLog(warehouse()), run_events(), tasks(), run_intake(), looks)


@cache
def tenant_costs() -> TenantCosts:
    """The use case that shows a tenant's costs."""
    from shared.adapters.stores.costs import Costs
    from shared.use_cases.tenant_costs import TenantCosts, new_answers

    return TenantCosts(Costs(warehouse()), new_answers(seconds=get_settings().look_seconds))


@cache
def exchange_rates() -> TenantExchangeRates:
    """The use cases of tenants' exchange rates."""
    from shared.adapters.stores.exchange_rates import ExchangeRateStore
    from shared.use_cases.exchange_rates import TenantExchangeRates

    return TenantExchangeRates(ExchangeRateStore(warehouse()))


@cache
def virtual_tags() -> TenantVirtualTags:
    """The use cases of tenants' virtual tags."""
    from shared.adapters.stores.virtual_tags import VirtualTagStore
    from shared.use_cases.virtual_tags import TenantVirtualTags

    return TenantVirtualTags(VirtualTagStore(warehouse()))


@cache
def tenant_schedules() -> ConfigRequests:
    """The use cases of tenants' schedules."""
    from shared.adapters.stores.pipeline_configs import PipelineConfigs
    from shared.use_cases.pipeline_configs import ConfigRequests

    return ConfigRequests(PipelineConfigs(warehouse()), tasks(), trigger_cron=_cron_of("trigger_due_pipelines"))


@cache
def executor_services() -> Services:
    """The services that an executor needs besides events and tasks."""
    from shared.adapters.bigquery.staging import open_staging
    from shared.adapters.google.kms import open_credential_key
    from shared.adapters.stores.runs import Runs
    from shared.pipeline.context import Services

    settings = get_settings()
    return Services(
        warehouse=warehouse(),
        runs=Runs(warehouse()),
        staging=open_staging(warehouse(), settings),
        credential_key=open_credential_key(settings),
        settings=settings,
    )


def run_execution(task: RunTask, *, execution_id: str) -> RunExecution:
    """The execution of one delivery."""
    from shared.use_cases.attempt_report import AttemptReport
    from shared.use_cases.execute_run import RunExecution

    services = executor_services()
    report = AttemptReport(task, execution_id, services.runs, run_events(), tasks(), evaluation_tasks())
    return RunExecution(services, report)


@cache
def run_closing() -> RunClosing:
    """The closing of runs that have no executor."""
    from shared.adapters.stores.closings import Closings
    from shared.use_cases.close_runs import RunClosing

    return RunClosing(Closings(warehouse()), run_events())


@cache
def dispatcher() -> Dispatcher:
    """The owner of the queue."""
    from shared.adapters.stores.queue import DispatchQueue
    from shared.domain.dispatching.dispatch import DispatchPolicy
    from shared.domain.dispatching.retry import RetryPolicy
    from shared.use_cases.process_queue import Dispatcher

    settings = get_settings()
    lease_length, queue = timedelta(seconds=settings.lease_seconds), get_platform().queues["execute"]
    # A tenant's tasks in Cloud Tasks delay those of others, so a tenant has only as many as five seconds can deliver.
    of_tenant = math.ceil(queue.max_dispatches_per_second * DispatchPolicy.redeliver_after.total_seconds() / 2)
    policy = DispatchPolicy(
        lease_length=lease_length,
        redeliver_after=min(DispatchPolicy.redeliver_after, lease_length / 4),
        pause=min(DispatchPolicy.pause, timedelta(seconds=10 * settings.retry_base_seconds)),
        max_unclaimed=queue.max_concurrent_dispatches,
        max_unclaimed_of_tenant=of_tenant,
        executors=queue.max_concurrent_dispatches,
        retry=RetryPolicy(base=timedelta(seconds=settings.retry_base_seconds)),
    )
    return Dispatcher(
        queue=DispatchQueue(warehouse()),
        tasks=tasks(),
        jobs=scheduler_jobs(),
        policy=policy,
        new_id=lambda: uuid.uuid4().hex,
    )


@cache
def schedule_trigger() -> ScheduleTrigger:
    """The planner of due schedules, by its own schedule in configs/platform.yml."""
    from shared.adapters.stores.schedules import Schedules
    from shared.use_cases.trigger_due_pipelines import JOB, ScheduleTrigger

    return ScheduleTrigger(Schedules(warehouse()), tasks(), scheduler_jobs(), cron=_cron_of(JOB))


def _cron_of(function: str) -> str:
    schedule = get_platform().functions[function].schedule
    if schedule is None:
        raise RuntimeError(f"configs/platform.yml gives {function} no schedule")
    return schedule.cron


@cache
def scheduler_jobs() -> SchedulerJobs:
    """The log of the scheduler's functions."""
    from shared.adapters.stores.scheduler_jobs import SchedulerJobs

    return SchedulerJobs(warehouse())


@cache
def quota_reset() -> QuotaReset:
    """The daily reset of quotas."""
    from shared.adapters.stores.usage import UsageQuotas
    from shared.use_cases.reset_daily_quotas import QuotaReset

    return QuotaReset(UsageQuotas(warehouse()), scheduler_jobs())


@cache
def orphan_cleanup() -> OrphanCleanup:
    """The hourly clean-up."""
    from shared.adapters.stores.orphans import Orphans
    from shared.use_cases.cleanup_orphaned_pipelines import OrphanCleanup
    from shared.use_cases.forgotten_alerts import ForgottenAlerts

    forgotten = ForgottenAlerts(warehouse(), evaluation_tasks(), sending_tasks())
    return OrphanCleanup(dispatcher(), Orphans(warehouse()), tasks(), scheduler_jobs(), forgotten)


@cache
def platform_status() -> SchedulerStatus:
    """The operator's view of the scheduler."""
    from shared.use_cases.scheduler_status import SchedulerStatus

    return SchedulerStatus(scheduler_jobs(), get_platform())


@cache
def tenant_list() -> TenantList:
    """The operator's view of the tenants."""
    from shared.adapters.stores.tenant_states import TenantStates
    from shared.use_cases.tenant_list import TenantList

    return TenantList(TenantStates(warehouse()))
