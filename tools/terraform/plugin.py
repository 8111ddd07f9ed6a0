"""A Terraform provider for tests: it has the real schema, calls no cloud, and keeps each valid resource in the state.

Terraform runs it as `plugin.py SCHEMA.json` (plugin protocol 6). `behaviour` adds what the schema does not say.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
import threading
from concurrent import futures
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import msgpack
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tf.gen import grpc_controller_pb2, grpc_controller_pb2_grpc, grpc_stdio_pb2_grpc, tfplugin_pb2_grpc
from tf.gen import tfplugin_pb2 as protocol

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from tools.terraform import behaviour

Json = dict[str, Any]
_UNKNOWN = msgpack.ExtType(0, b"")
_NESTING = {
    "single": protocol.Schema.NestedBlock.SINGLE,
    "list": protocol.Schema.NestedBlock.LIST,
    "set": protocol.Schema.NestedBlock.SET,
    "map": protocol.Schema.NestedBlock.MAP,
}


def _block(block: Json) -> Any:
    attributes = [
        protocol.Schema.Attribute(
            name=name,
            type=json.dumps(attribute["type"]).encode(),
            **{flag: attribute.get(flag, False) for flag in ("required", "optional", "computed")},
        )
        for name, attribute in block["attributes"].items()
    ]
    nested = [
        protocol.Schema.NestedBlock(
            type_name=name,
            nesting=_NESTING[inner["nesting_mode"]],
            block=_block(inner["block"]),
            min_items=inner.get("min_items", 0),
            max_items=inner.get("max_items", 0),
        )
        for name, inner in block["block_types"].items()
    ]
    return protocol.Schema.Block(attributes=attributes, block_types=nested)


def _schema(described: Json) -> Any:
    return protocol.Schema(version=described["version"], block=_block(described["block"]))


def _loaded(value: Any) -> Any:
    if value.msgpack:
        return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False)
    return json.loads(value.json) if value.json else None


def _dumped(value: Any) -> Any:
    return protocol.DynamicValue(msgpack=msgpack.packb(value))


def _each(block: Json, value: Json) -> Any:
    """The nested blocks of a value, each with its schema."""
    for name, nested in block["block_types"].items():
        inner = value.get(name)
        items = [inner] if isinstance(inner, dict) else inner if isinstance(inner, list) else []
        yield from ((nested["block"], item) for item in items)


def _planned(block: Json, value: Json) -> Json:
    """Mark computed values without a configuration as unknown, because the resource does not exist yet."""
    for name, attribute in block["attributes"].items():
        if attribute.get("computed") and value.get(name) is None:
            value[name] = _UNKNOWN
    for inner, item in _each(block, value):
        _planned(inner, item)
    return value


def _made(block: Json, value: Json, name: str) -> Json:
    """A resource's value after it was made: nothing is unknown."""
    for key, attribute in block["attributes"].items():
        if isinstance(value.get(key), msgpack.ExtType):
            value[key] = _invented(attribute["type"], f"{name}.{key}")
    for inner, item in _each(block, value):
        _made(inner, item, name)
    return value


def _invented(kind: Any, name: str) -> Any:
    simple = {"string": name, "number": 1, "bool": False}
    if isinstance(kind, str):
        return simple[kind]
    return {"list": [], "set": [], "map": {}}.get(kind[0])


class Provider(tfplugin_pb2_grpc.ProviderServicer):  # type: ignore[misc]
    """The provider's calls; plans and applies without a cloud."""

    def __init__(self, schema: Json) -> None:
        self._schema, self._config = schema, Json()

    def GetMetadata(self, request: Any, context: Any) -> Any:
        return protocol.GetMetadata.Response(server_capabilities=protocol.ServerCapabilities())

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        resources, sources = self._schema["resource_schemas"], self._schema["data_source_schemas"]
        return protocol.GetProviderSchema.Response(
            provider=_schema(self._schema["provider"]),
            resource_schemas={name: _schema(described) for name, described in resources.items()},
            data_source_schemas={name: _schema(described) for name, described in sources.items()},
        )

    def GetResourceIdentitySchemas(self, request: Any, context: Any) -> Any:
        return protocol.GetResourceIdentitySchemas.Response()

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        return protocol.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        return protocol.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        return protocol.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        self._config = _loaded(request.config) or {}
        return protocol.ConfigureProvider.Response()

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        return protocol.UpgradeResourceState.Response(upgraded_state=protocol.DynamicValue(json=request.raw_state.json))

    def ReadResource(self, request: Any, context: Any) -> Any:
        return protocol.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        value, prior = _loaded(request.proposed_new_state), _loaded(request.prior_state)
        if value is not None:
            block = self._schema["resource_schemas"][request.type_name]["block"]
            behaviour.fill_defaults(request.type_name, block, value, self._config)
            value = value if prior is not None else _planned(block, value)
        return protocol.PlanResourceChange.Response(planned_state=_dumped(value))

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        value, prior = _loaded(request.planned_state), _loaded(request.prior_state)
        if value is None:
            refusal = behaviour.deletion_refused(prior)
            problems = [protocol.Diagnostic(severity=protocol.Diagnostic.ERROR, summary=refusal)] if refusal else []
            kept = prior if refusal else None
            return protocol.ApplyResourceChange.Response(new_state=_dumped(kept), diagnostics=problems)
        block = self._schema["resource_schemas"][request.type_name]["block"]
        if isinstance(value.get("id"), msgpack.ExtType):
            value["id"] = behaviour.resource_id(request.type_name, value)
        return protocol.ApplyResourceChange.Response(new_state=_dumped(_made(block, value, request.type_name)))

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        value, name = _loaded(request.config), request.type_name
        block = self._schema["data_source_schemas"][name]["block"]
        try:
            value |= behaviour.read_data(name, value, self._config)
        except behaviour.Failed as error:
            problem = protocol.Diagnostic(severity=protocol.Diagnostic.ERROR, summary=str(error))
            return protocol.ReadDataSource.Response(diagnostics=[problem])
        return protocol.ReadDataSource.Response(state=_dumped(_made(block, _planned(block, value), name)))

    def StopProvider(self, request: Any, context: Any) -> Any:
        return protocol.StopProvider.Response()


class _Controller(grpc_controller_pb2_grpc.GRPCControllerServicer):  # type: ignore[misc]
    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def Shutdown(self, request: Any, context: Any) -> Any:
        self._stopped.set()
        return grpc_controller_pb2.Empty()


class _Stdio(grpc_stdio_pb2_grpc.GRPCStdioServicer):  # type: ignore[misc]
    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def StreamStdio(self, request: Any, context: Any) -> Any:
        self._stopped.wait()
        return iter(())


def _certificate() -> tuple[bytes, Any]:
    """A throwaway certificate: its DER form for the handshake, and the server's credentials."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.DER), grpc.ssl_server_credentials([(private, pem)])


def main() -> None:
    """Serve until Terraform says to stop."""
    stopped = threading.Event()
    unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(16), options=unlimited)
    provider = Provider(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    tfplugin_pb2_grpc.add_ProviderServicer_to_server(provider, server)
    grpc_controller_pb2_grpc.add_GRPCControllerServicer_to_server(_Controller(stopped), server)
    grpc_stdio_pb2_grpc.add_GRPCStdioServicer_to_server(_Stdio(stopped), server)
    der, credentials = _certificate()
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/plugin.sock"
        server.add_secure_port(f"unix://{socket}", credentials)
        server.start()
        print(f"1|6|unix|{socket}|grpc|{base64.b64encode(der).decode().rstrip('=')}", flush=True)
        stopped.wait()
        server.stop(grace=0)
    os._exit(0)  # threads that still stream to Terraform do not matter any more


if __name__ == "__main__":
    main()
