"""What the gRPC services share: TLS, the caller's identity, errors by status code, unknown methods refused by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any, TypeVar

import grpc

from devcloud.identity import Caller, Identity, Unauthenticated
from devcloud.tls import Tls

_THREADS = 32
_STOP_SECONDS = 2.0
_EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_log = logging.getLogger(__name__)

_Method = TypeVar("_Method", bound=Callable[..., Any])


class RpcError(Exception):
    """An answer other than OK."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def not_found(message: str) -> RpcError:
    """NOT_FOUND."""
    return RpcError(grpc.StatusCode.NOT_FOUND, message)


def already_exists(message: str) -> RpcError:
    """ALREADY_EXISTS."""
    return RpcError(grpc.StatusCode.ALREADY_EXISTS, message)


def invalid_argument(message: str) -> RpcError:
    """INVALID_ARGUMENT."""
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, message)


def failed_precondition(message: str) -> RpcError:
    """FAILED_PRECONDITION."""
    return RpcError(grpc.StatusCode.FAILED_PRECONDITION, message)


def permission_denied(message: str) -> RpcError:
    """PERMISSION_DENIED."""
    return RpcError(grpc.StatusCode.PERMISSION_DENIED, message)


def unimplemented(feature: str) -> RpcError:
    """UNIMPLEMENTED, naming the feature: never a silent wrong answer."""
    return RpcError(grpc.StatusCode.UNIMPLEMENTED, f"devcloud does not implement {feature}")


def rpc(request_type: Any, *, streams: bool = False) -> Callable[[_Method], _Method]:
    """Marks `method(self, request, caller)` as the RPC of its own name; with `streams` it yields its responses."""

    def mark(method: _Method) -> _Method:
        method.__dict__["request_type"], method.__dict__["streams"] = request_type, streams
        return method

    return mark


class GrpcService:
    """A service under its full `service_name`, on loopback; `port` 0 takes a free one, known after `start`."""

    service_name: str

    def __init__(self, identity: Identity, tls: Tls, *, port: int = 0) -> None:
        self._identity, self._tls, self.port = identity, tls, port
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        """What a client's `api_endpoint` has to say."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Bind and serve; RuntimeError when the port is taken."""
        self._server = grpc.server(
            futures.ThreadPoolExecutor(_THREADS, thread_name_prefix=self.service_name),
            handlers=[_Handlers(self, self._identity)],
            # Without this a second server could share the port and take half of the calls.
            options=(("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 32 * 2**20)),
        )
        self.port = self._server.add_secure_port(f"127.0.0.1:{self.port}", self._tls.server_credentials())
        self._server.start()

    def stop(self) -> None:
        """Finish the calls under way, then close; safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(_STOP_SECONDS).wait()


class _Handlers(grpc.GenericRpcHandler[Any, Any]):
    """Finds the method that a call names, proves the caller, and words the errors."""

    def __init__(self, service: GrpcService, identity: Identity) -> None:
        self._service, self._identity = service, identity

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of one call; gRPC itself says UNIMPLEMENTED for another service's name."""
        service_name, _, name = call.method.removeprefix("/").partition("/")
        if service_name != self._service.service_name:
            return None
        method: Any = getattr(self._service, name, None)
        if not hasattr(method, "request_type"):
            return grpc.unary_unary_rpc_method_handler(self._refusal(f"{service_name}.{name}"))
        handler = grpc.unary_stream_rpc_method_handler if method.streams else grpc.unary_unary_rpc_method_handler
        answer = self._streamed(method) if method.streams else self._single(method)
        return handler(answer, request_deserializer=_parser(method.request_type), response_serializer=_serialize)

    def _single(self, method: Callable[..., Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return method(request, self._caller(context))
            except RpcError as error:
                return context.abort(error.code, error.message)

        return answer

    def _streamed(self, method: Callable[..., Iterator[Any]]) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                yield from method(request, self._caller(context))
            except RpcError as error:
                context.abort(error.code, error.message)

        return answer

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
