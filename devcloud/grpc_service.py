"""The common part of the gRPC services: TLS, the caller's identity, errors, and the refusal of unknown methods."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from devcloud.grants import Grants
from devcloud.identity import Caller, Identity, Unauthenticated
from devcloud.tls import Tls

_THREADS = 32
_STOP_SECONDS = 2.0
_EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_REFUSALS = {
    "cloudkms": "Permission '{}' denied on resource '{}' (or it may not exist).",
    "secretmanager": "Permission '{}' denied for resource '{}' (or it may not exist).",
}
_REFUSAL = (
    'The principal (user or service account) lacks IAM permission "{}" for the resource "{}" '
    "(or the resource may not exist)."
)
_log = logging.getLogger(__name__)

if TYPE_CHECKING:  # generic only in the stubs
    _GenericHandler = grpc.GenericRpcHandler[Any, Any]
else:
    _GenericHandler = grpc.GenericRpcHandler

_Method = TypeVar("_Method", bound=Callable[..., Any])


class RpcError(Exception):
    """An answer other than OK."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def not_found(message: str) -> RpcError:
    """An error with the status NOT_FOUND."""
    return RpcError(grpc.StatusCode.NOT_FOUND, message)


def already_exists(message: str) -> RpcError:
    """An error with the status ALREADY_EXISTS."""
    return RpcError(grpc.StatusCode.ALREADY_EXISTS, message)


def invalid_argument(message: str) -> RpcError:
    """An error with the status INVALID_ARGUMENT."""
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, message)


def failed_precondition(message: str) -> RpcError:
    """An error with the status FAILED_PRECONDITION."""
    return RpcError(grpc.StatusCode.FAILED_PRECONDITION, message)


def refusal(permission: str, resource: str) -> RpcError:
    """An error with the status PERMISSION_DENIED, worded as by the service to which the permission belongs."""
    wording = _REFUSALS.get(permission.partition(".")[0], _REFUSAL)
    return RpcError(grpc.StatusCode.PERMISSION_DENIED, wording.format(permission, resource))


def unimplemented(feature: str) -> RpcError:
    """An error with the status UNIMPLEMENTED that names the feature, so that no answer is silently wrong."""
    return RpcError(grpc.StatusCode.UNIMPLEMENTED, f"devcloud does not implement {feature}")


@dataclass(frozen=True)
class Rpc:
    """A method: its request, whether it streams, and the permission that it needs on a resource."""

    request_type: Any
    permission: str | None
    resource: str
    streams: bool


def rpc(
    request_type: Any, permission: str | None = None, *, on: str = "name", streams: bool = False
) -> Callable[[_Method], _Method]:
    """Marks a method as the RPC of its own name.

    `method(self, request)` runs if the caller has `permission` on the resource that the request's field `on` names.
    Without `permission` it is `method(self, request, caller)`, and the method decides. With `streams` it yields its
    responses.
    """

    def mark(method: _Method) -> _Method:
        method.__dict__["rpc"] = Rpc(request_type, permission, on, streams)
        return method

    return mark


class GrpcService:
    """A service with the full name `service_name` on loopback. With `port` 0, `start` takes a free port."""

    service_name: str

    def __init__(self, identity: Identity, tls: Tls, grants: Grants | None = None, *, port: int = 0) -> None:
        self._identity, self._tls, self._grants, self.port = identity, tls, grants, port
        self.former_port = 0  # the port of the last start, used again if it is free
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        """The value for a client's `api_endpoint`."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Bind and serve; raises RuntimeError if `port` is taken."""
        self._server = grpc.server(
            futures.ThreadPoolExecutor(_THREADS, thread_name_prefix=self.service_name),
            handlers=[_Handlers(self, self._identity, self._grants)],
            # Without this a second server could share the port and take half of the calls.
            options=(("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 32 * 2**20)),
        )
        self.port = self._bind(self._server)
        self._server.start()

    def _bind(self, server: grpc.Server) -> int:
        credentials = self._tls.server_credentials()
        if self.former_port:
            with suppress(RuntimeError):  # another program took it in the meantime
                return server.add_secure_port(f"127.0.0.1:{self.former_port}", credentials)
        return server.add_secure_port(f"127.0.0.1:{self.port}", credentials)

    def stop(self) -> None:
        """Finish the calls under way, then close; safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(_STOP_SECONDS).wait()


class StoredService(GrpcService):
    """A service that requires grants and keeps its resources in `state_dir`. `now` is its clock, in Unix seconds."""

    def __init__(
        self,
        state_dir: Path,
        identity: Identity,
        tls: Tls,
        grants: Grants,
        *,
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(identity, tls, grants, port=port)
        self._required_grants, self._now = grants, now
        self._open(state_dir)

    def _open(self, state_dir: Path) -> None:
        """Open the files in which the service keeps its resources."""
        raise NotImplementedError


class _Handlers(_GenericHandler):
    """Finds the method of a call, checks the caller, and writes the errors."""

    def __init__(self, service: GrpcService, identity: Identity, grants: Grants | None) -> None:
        self._service, self._identity, self._grants = service, identity, grants

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of one call. For another service's name gRPC itself answers UNIMPLEMENTED."""
        service_name, _, name = call.method.removeprefix("/").partition("/")
        if service_name != self._service.service_name:
            return None
        method: Any = getattr(self._service, name, None)
        declared = getattr(method, "rpc", None)
        if declared is None:
            return grpc.unary_unary_rpc_method_handler(self._refusal(f"{service_name}.{name}"))
        handler = grpc.unary_stream_rpc_method_handler if declared.streams else grpc.unary_unary_rpc_method_handler
        answer = (self._streamed if declared.streams else self._single)(method, declared)
        return handler(answer, request_deserializer=_parser(declared.request_type), response_serializer=_serialize)

    def _single(self, method: Any, declared: Rpc) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return method(request, *self._authorise(request, context, declared))
            except RpcError as error:
                return context.abort(error.code, error.message)

        return answer

    def _streamed(self, method: Any, declared: Rpc) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                yield from method(request, *self._authorise(request, context, declared))
            except RpcError as error:
                context.abort(error.code, error.message)

        return answer

    def _authorise(self, request: Any, context: grpc.ServicerContext, declared: Rpc) -> tuple[Caller, ...]:
        """The arguments beyond the request; raises RpcError if the caller is unknown or lacks the permission."""
        caller = self._caller(context)
        if declared.permission is None:
            return (caller,)
        if self._grants is None:
            raise RuntimeError(f"{declared.permission} is required and the service was given no grants")
        resource = attrgetter(declared.resource)(request)
        if not self._grants.allows(caller, declared.permission, resource):
            raise refusal(declared.permission, resource)
        return ()

    def _refusal(self, method: str) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(_request: Any, context: grpc.ServicerContext) -> Any:
            _log.warning("method not implemented: %s", method)
            return context.abort(grpc.StatusCode.UNIMPLEMENTED, f"devcloud does not implement {method}")

        return answer

    def _caller(self, context: grpc.ServicerContext) -> Caller:
        authorization = dict(context.invocation_metadata()).get("authorization")
        try:
            return self._identity.caller(str(authorization) if authorization else None)
        except Unauthenticated as error:
            how = (
                "had invalid authentication credentials"
                if authorization
                else "is missing required authentication credential"
            )
            raise RpcError(grpc.StatusCode.UNAUTHENTICATED, f"Request {how}. {_EXPECTED}") from error


def _parser(message_type: Any) -> Callable[[bytes], Any]:
    """Google's libraries mix proto-plus classes and plain protobuf ones."""
    parser: Callable[[bytes], Any] = getattr(message_type, "deserialize", None) or message_type.FromString
    return parser


def _serialize(message: Any) -> bytes:
    plus = getattr(type(message), "serialize", None)
    serialized: bytes = plus(message) if plus else message.SerializeToString()
    return serialized
