"""Starts the analyser, a WebAssembly program. Its first compilation takes a minute and is cached."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import wasmtime
from zetasql.core.local_service import ZetaSqlLocalService
from zetasql.core.wasm_client import WasmClient, get_tzinfo_dir
from zetasql.wasi import get_wasm_path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "zetasql"


class CachedClient(WasmClient):  # type: ignore[misc]  # the package ships no types
    """The package's client, but with a module that is already compiled, and with quicker copies of memory."""

    def __init__(self, wasm: Path) -> None:
        # super().__init__ is not called, because it always compiles the module again.
        engine = wasmtime.Engine(_config())
        self.store = wasmtime.Store(engine)
        self.store.set_wasi(_wasi())
        self.module = compiled(engine, wasm)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        self.instance = linker.instantiate(self.store, self.module)
        self.exports = self.instance.exports(self.store)
        initialize, memory = self.exports["_initialize"], self.exports["memory"]
        if not isinstance(initialize, wasmtime.Func) or not isinstance(memory, wasmtime.SharedMemory):
            raise TypeError("this is not the analyser's module")
        initialize(self.store)
        self.memory = memory

    def write_bytes(self, ptr: int, data: bytes) -> None:
        """Copy into the module's memory in one piece; the package copies byte by byte."""
        ctypes.memmove(self._base() + ptr, data, len(data))

    def read_bytes(self, ptr: int, size: int) -> bytes:
        """Copy out of the module's memory."""
        return ctypes.string_at(self._base() + ptr, size)

    def _base(self) -> int:
        return ctypes.addressof(self.memory.data_ptr().contents)


class CachedService(ZetaSqlLocalService):  # type: ignore[misc]
    """The package's service over CachedClient. Not thread-safe."""

    def __init__(self) -> None:
        self.wasm_client = CachedClient(Path(get_wasm_path()))


@cache
def service() -> CachedService:
    """The one service of this process."""
    return CachedService()


def _config() -> wasmtime.Config:
    config = wasmtime.Config()
    config.shared_memory = True
    return config


def _wasi() -> wasmtime.WasiConfig:
    wasi = wasmtime.WasiConfig()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    zones = get_tzinfo_dir()
    if not zones:
        raise RuntimeError("the package tzdata is not installed")
    wasi.preopen_dir(zones, "/usr/share/zoneinfo")
    return wasi


def compiled(engine: wasmtime.Engine, wasm: Path) -> wasmtime.Module:
    """The compiled module. It comes from the cache if this version of wasmtime has compiled this file before."""
    digest = hashlib.sha256(wasm.read_bytes() + version("wasmtime").encode()).hexdigest()[:16]
    path = CACHE / f"{digest}.cwasm"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        # A second process waits for the first, instead of compiling the same file at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            with suppress(wasmtime.WasmtimeError):  # compiled on another kind of CPU: compile again
                return wasmtime.Module.deserialize_file(engine, str(path))
        module = wasmtime.Module.from_file(engine, str(wasm))
        part = path.with_suffix(".part")
        part.write_bytes(module.serialize())
        part.replace(path)
    return module
