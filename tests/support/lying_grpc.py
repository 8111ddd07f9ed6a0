"""A service that stands between a function and the local service of Google's API, and lies when a test says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc

from devcloud.server import Devcloud
from devcloud.tls import Tls

_THREADS = 16
_PASSED_ON = frozenset({"authorization", "x-goog-request-params"})
Answer = Callable[[], bytes]  # the true answer
Lie = Callable[[bytes, Answer], bytes]  # of the request and the true answer; it may raise Refused

if TYPE_CHECKING:  # generic only in the stubs
    _GenericHandler = grpc.GenericRpcHandler[Any, Any]
else:
    _GenericHandler = grpc.GenericRpcHandler


class Refused(Exception):
    """The service answers with this status."""

    def __init__(self, code: grpc.StatusCode, message: str = "a lie") -> None:
        super().__init__(message)
        self.code, self.message = code, message


def truth(_: bytes, answer: Answer) -> bytes:
    """No lie."""
    return answer()


@dataclass
class LyingService:
    """Passes each call on, through the lie of its method; `calls` has the names of the methods that were called."""

    address: str = ""
    lies: dict[str, Lie] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def telling(self, method: str, lie: Lie) -> Iterator[None]:
        """Lie in this block about the method, and forget earlier calls."""
        self.calls.clear()
        self.lies[method] = lie
        try:
            yield
        finally:
            del self.lies[method]


class _PassOn(_GenericHandler):
    def __init__(self, lying: LyingService, channel: grpc.Channel) -> None:
        self._lying, self._channel = lying, channel

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        path, method = call.method, call.method.rpartition("/")[2]

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            metadata = tuple((key, value) for key, value in context.invocation_metadata() if key in _PASSED_ON)
            ask: Any = self._channel.unary_unary(path, None, None)  # bytes, not parsed
            with self._lying.lock:
                self._lying.calls.append(method)
            lie = self._lying.lies.get(method, truth)
            try:
                return lie(request, lambda: bytes(ask(request, metadata=metadata, timeout=30)))
            except Refused as refused:
                return context.abort(refused.code, refused.message)
            except grpc.RpcError as error:
                failed: Any = error  # every error of a call is a call, too
                return context.abort(failed.code(), failed.details())

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def lying_service(cloud: Devcloud, address: str) -> Iterator[LyingService]:
    """Stand before the local service at `address`, and show that service's certificate."""
    tls, lying = Tls(cloud.state.path), LyingService()
    trust = grpc.ssl_channel_credentials(tls.ca_path.read_bytes())
    with grpc.secure_channel(address, trust) as channel:
        server = grpc.server(futures.ThreadPoolExecutor(_THREADS), handlers=[_PassOn(lying, channel)])
        lying.address = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', tls.server_credentials())}"
        server.start()
        try:
            yield lying
        finally:
            server.stop(None).wait()
