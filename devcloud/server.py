"""Wires every service of the local Google Cloud in one process, over one state directory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from devcloud.bigquery.jobs.latencies import Latencies
from devcloud.bigquery.service import BigQuery
from devcloud.clients import Clients
from devcloud.cloud import Addresses, Cloud
from devcloud.egress import EgressProxy
from devcloud.environment import client_environment, function_environment
from devcloud.gateway.function_process import FunctionProcess, StartFailed
from devcloud.gateway.gateway import Gateway
from devcloud.gateway.instances import fork_server
from devcloud.grants import Grants
from devcloud.grpc_service import GrpcService
from devcloud.identity import Identity, TokenServer
from devcloud.identity.identity import ADMIN_ACCOUNT, account_email
from devcloud.kms import Kms
from devcloud.objects import S3, BlobService, azure_buckets, s3_buckets
from devcloud.provision import Provisioner
from devcloud.scheduler import Scheduler
from devcloud.secret_manager import SecretManager
from devcloud.state import StateDir, StateError
from devcloud.tasks import Tasks
from devcloud.tls import Tls
from shared.configuration.platform_config import Platform, get_platform

Json = dict[str, Any]

PROJECT = "convergence-local"
REGION = "us-central1"
LOCATION = "US"


class _Service(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


_Started = TypeVar("_Started", bound=_Service)
_Grpc = TypeVar("_Grpc", bound=GrpcService)


class Devcloud:
    """A local Google Cloud with the platform provisioned in it; `with Devcloud(...) as cloud` starts and stops it.

    `port` is the gateway's port; with 0 it is the port of the last start, or else a free one. `function_env` adds
    variables to the environment of some functions. Without `schedules` the Cloud Scheduler jobs are paused. With
    `latencies` BigQuery takes as long for each statement as it does in Google's cloud.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        port: int = 0,
        project: str = PROJECT,
        region: str = REGION,
        location: str = LOCATION,
        schedules: bool = True,
        function_env: Mapping[str, Mapping[str, str]] | None = None,
        latencies: Latencies | None = None,
    ) -> None:
        self.state = StateDir(state_dir)
        self.project, self.region, self.location = project, region, location
        self.platform: Platform = get_platform()
        self._port, self._schedules, self._function_env = port, schedules, function_env or {}
        self._latencies = latencies
        self._running = ExitStack()
        self._processes: dict[str, FunctionProcess] = {}
        self.ready: Json = {}
        self.outgrown: Mapping[str, str] = {}  # tenants' tables that cannot be changed in place, with the reason

    def __enter__(self) -> Devcloud:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Json:
        """Start every service and provision the platform; returns `ready`, the content of the ready line."""
        self.state.acquire()
        self._running.callback(self.state.release)
        try:
            self._start_services()
            self._provision()
        except BaseException:
            self.stop()
            raise
        self.state.announce(self.ready)
        return self.ready

    def stop(self) -> None:
        """Stop all services; a caller stops before the services that it calls. Safe to call twice."""
        self._running.close()

    def clients(self, key: Mapping[str, str] | None = None) -> Clients:
        """The official clients for this cloud, as devcloud-admin or as the account of a key."""
        return Clients(self.ready["env"], key or json.loads(self._key_file(ADMIN_ACCOUNT).read_text(encoding="utf-8")))

    def kill_function(self, name: str) -> int | None:
        """Kill the function's instance (SIGKILL); returns its pid, None if none was running."""
        return self._processes[name].kill()

    def warm(self, *names: str) -> None:
        """Start these functions, or all, in the background, one after the other."""
        threading.Thread(target=self._warm, args=[names or self._processes], name="warm-up", daemon=True).start()

    def _start_services(self) -> None:
        fork_server().start()  # imports the functions' libraries while the services start
        path = self.state.path
        self.identity = Identity(path, self.project)
        self._running.callback(self.identity.close)
        tls, grants = Tls(path), Grants.of_platform(self.platform, self.project)
        self.token_server = self._started(TokenServer(self.identity))
        ports = self.state.kept_ports()
        egress = EgressProxy(self.identity, tls)
        egress.take_again(ports.get("egress", 0))
        self._started(egress)
        self.bigquery = BigQuery(path, self.identity, location=self.location, latencies=self._latencies)
        self.bigquery.take_again(ports)
        self._started(self.bigquery)
        self.kms = self._again(Kms(path, self.identity, tls, grants), ports.get("kms"))
        secret_manager = SecretManager(path, self.identity, tls, grants)
        self.secret_manager = self._again(secret_manager, ports.get("secret_manager"))
        self.s3, self.azure = S3(s3_buckets(path)), BlobService(azure_buckets(path), tls, self.identity.certs)
        self.s3.take_again(ports.get("s3", 0))
        self.azure.take_again(ports.get("azure", 0))
        self._started(self.s3)
        self._started(self.azure)
        self.gateway = self._start_gateway()
        # These two services call the functions, so they start last and stop first.
        self.tasks = self._again(Tasks(path, self.identity, tls, grants), ports.get("tasks"))
        self.scheduler = self._again(Scheduler(path, self.identity, tls, grants), ports.get("scheduler"))
        addresses = Addresses(
            gateway=self.gateway.url,
            bigquery=self.bigquery.url,
            storage_read=self.bigquery.storage_address,
            kms=self.kms.address,
            secret_manager=self.secret_manager.address,
            tasks=self.tasks.address,
            scheduler=self.scheduler.address,
            token_server=self.token_server.url,
            egress=egress.url,
            s3=self.s3.url,
            azure=self.azure.url,
        )
        self.state.keep_ports(vars(addresses))
        self.cloud = Cloud(self.platform, self.project, self.region, self.location, addresses, tls.ca_path)
        self._processes.update({name: self._process(name) for name in self.platform.functions})
        self.gateway.host(self._processes)
        self.ready = self._ready_line()

    def _start_gateway(self) -> Gateway:
        port = self._port or self.state.kept_ports().get("gateway", 0)
        gateway = Gateway(
            self.platform.functions,
            members=self._members,
            certs=self.identity.certs,
            pages={"health": self._health, "jobs": self.bigquery.jobs},
            port=port,
        )
        try:
            gateway = self._started(gateway)
        except OSError as error:
            why = "" if self._port else ", which the tasks and schedules of this state directory name,"
            way_out = f"try again in a minute, or with --port {port + 1}"
            raise StateError(f"port {port}{why} cannot be bound: {error.strerror}; {way_out}") from error
        self.state.keep_ports({"gateway": gateway.url})
        return gateway

    def _again(self, service: _Grpc, former_port: int | None) -> _Grpc:
        """Start the service, on the port of the last start if that is free."""
        service.former_port = former_port or 0
        return self._started(service)

    def _started(self, service: _Started) -> _Started:
        service.start()
        self._running.callback(service.stop)
        return service

    def _provision(self) -> None:
        with self.clients() as clients:
            provisioner = Provisioner(self.cloud, clients)
            self.ready["admin_key"] = provisioner.provision(schedules=self._schedules)
        self.outgrown = provisioner.outgrown

    def _ready_line(self) -> Json:
        addresses = self.cloud.addresses
        services = ("kms", "secret_manager", "tasks", "scheduler", "storage_read", "token_server", "s3", "azure")
        return {
            "gateway": addresses.gateway,
            "bigquery": addresses.bigquery,
            "project": self.project,
            "region": self.region,
            "admin_key": "",
            "services": {name: getattr(addresses, name) for name in services},
            "env": client_environment(self.cloud, key_file=self._key_file(ADMIN_ACCOUNT)) | {"KMS_KEY": self.cloud.key},
        }

    def _process(self, name: str) -> FunctionProcess:
        account = self.platform.service_accounts[self.platform.functions[name].service_account].id

        def environment() -> dict[str, str]:
            given = function_environment(self.cloud, name, key_file=self._key_file(account))
            return given | dict(self._function_env.get(name, {}))

        return FunctionProcess(name, environment, log_path=self.state.path / "logs" / f"{name}.log")

    def _members(self, function: str) -> frozenset[str]:
        """The accounts that Cloud Run admits: the function's invokers and the operator."""
        accounts = {self.platform.service_accounts[name].id for name in self.platform.functions[function].invokers}
        return frozenset(account_email(account, self.project) for account in accounts | {ADMIN_ACCOUNT})

    def _key_file(self, account: str) -> Path:
        """The JSON key of an account of the platform. It is made when it is first needed."""
        path = self.state.path / "keys" / f"{account}.json"
        if path.exists() and json.loads(path.read_text(encoding="utf-8"))["token_uri"] == self.identity.token_uri:
            return path
        path.parent.mkdir(mode=0o700, exist_ok=True)
        partial = path.with_suffix(f".{threading.get_ident()}")
        partial.touch(mode=0o600)
        key = json.dumps(self.identity.mint_key(self.project, account), indent=2)
        partial.write_text(key, encoding="utf-8")
        return partial.replace(path)

    def _health(self) -> Json:
        functions = self.gateway.states()
        return {"status": "ok", "state_dir": str(self.state.path), "project": self.project, "functions": functions}

    def _warm(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                self._processes[name].ensure_started()
            except StartFailed:  # the function's first request will report the failure
                continue
