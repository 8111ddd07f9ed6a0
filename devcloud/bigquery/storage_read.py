"""The Storage Read API. A session freezes its rows in an Arrow file, and its streams read from the file."""

from __future__ import annotations

import datetime as dt
import shutil
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from devcloud.bigquery.frozen_rows import Selection, freeze
from devcloud.bigquery.model import BigQueryError, TableRef
from devcloud.bigquery.results import ResultStore
from devcloud.bigquery.sql.engine import Engine
from devcloud.grpc_service import GrpcService, RpcError, not_found, rpc, unimplemented
from devcloud.identity import Caller, Identity
from devcloud.tls import Tls

_LIFE = dt.timedelta(hours=6)
_CODES = {
    "notFound": grpc.StatusCode.NOT_FOUND,
    "accessDenied": grpc.StatusCode.PERMISSION_DENIED,
    "notImplemented": grpc.StatusCode.UNIMPLEMENTED,
}


@dataclass(frozen=True)
class _ReadSession:
    email: str
    file: Path
    expires_at: dt.datetime


class StorageRead(GrpcService):
    """google.cloud.bigquery.storage.v1.BigQueryRead; `folder` keeps the frozen rows of this process's sessions."""

    service_name = "google.cloud.bigquery.storage.v1.BigQueryRead"

    def __init__(self, identity: Identity, tls: Tls, engine: Engine, results: ResultStore, folder: Path) -> None:
        super().__init__(identity, tls)
        self._engine, self._results, self._folder = engine, results, folder
        self._sessions: dict[str, _ReadSession] = {}
        self._lock = threading.Lock()
        shutil.rmtree(folder, ignore_errors=True)  # a session ends with its process; readers make a new one
        folder.mkdir(parents=True)

    @rpc(types.CreateReadSessionRequest)
    def CreateReadSession(self, request: types.CreateReadSessionRequest, caller: Caller) -> types.ReadSession:
        """Freeze the rows and answer the session with its one stream."""
        asked, project = request.read_session, request.parent.removeprefix("projects/")
        if asked.data_format != types.DataFormat.ARROW:
            raise unimplemented("read sessions in another format than ARROW")
        if caller.project != project:
            denied = f"the user does not have 'bigquery.readsessions.create' permission for 'projects/{project}'"
            raise RpcError(grpc.StatusCode.PERMISSION_DENIED, f"request failed: {denied}")
        try:
            return self._created(project, asked, caller)
        except BigQueryError as error:
            code = _CODES.get(error.reason, grpc.StatusCode.INVALID_ARGUMENT)
            raise RpcError(code, error.message) from error

    @rpc(types.ReadRowsRequest, streams=True)
    def ReadRows(self, request: types.ReadRowsRequest, caller: Caller) -> Iterator[types.ReadRowsResponse]:
        """Stream the frozen rows from `offset`; the first response carries the schema."""
        session = self._session(request.read_stream.rpartition("/streams/")[0], caller)
        with pa.memory_map(str(session.file)) as mapped:
            reader = pa.ipc.open_file(mapped)
            yield from _responses(reader, request.offset)

    def _created(self, project: str, asked: types.ReadSession, caller: Caller) -> types.ReadSession:
        self._forget_expired()
        ref, file = _table(asked.table), self._folder / f"{uuid.uuid4().hex}.arrow"
        options = asked.read_options
        if options.sample_percentage:
            raise unimplemented("read_options.sample_percentage")
        selection = Selection(
            fields=tuple(options.selected_fields),
            restriction=options.row_restriction,
            at=_moment(asked),
        )
        frozen = freeze(self._engine, self._results, ref, selection, caller=caller, file=file)
        expires_at = dt.datetime.now(dt.UTC) + _LIFE
        name = f"projects/{project}/locations/{frozen.location.lower()}/sessions/{file.stem}"
        with self._lock:
            self._sessions[name] = _ReadSession(caller.email, file, expires_at)
        return types.ReadSession(
            name=name,
            table=asked.table,
            data_format=types.DataFormat.ARROW,
            read_options=options,
            table_modifiers=asked.table_modifiers,
            expire_time=expires_at,
            arrow_schema=types.ArrowSchema(serialized_schema=frozen.schema.serialize().to_pybytes()),
            estimated_row_count=frozen.rows,
            estimated_total_bytes_scanned=file.stat().st_size,
            streams=[types.ReadStream(name=f"{name}/streams/0")],
        )

    def _session(self, name: str, caller: Caller) -> _ReadSession:
        session = self._sessions.get(name)
        if session is None or session.email != caller.email or session.expires_at <= dt.datetime.now(dt.UTC):
            raise not_found(f"Session not found or expired: {name}")
        return session

    def _forget_expired(self) -> None:
        now = dt.datetime.now(dt.UTC)
        with self._lock:
            for name, session in list(self._sessions.items()):
                if session.expires_at <= now:
                    del self._sessions[name]
                    session.file.unlink(missing_ok=True)


def _responses(reader: pa.RecordBatchFileReader, offset: int) -> Iterator[types.ReadRowsResponse]:
    schema = types.ArrowSchema(serialized_schema=reader.schema.serialize().to_pybytes())
    first, passed = True, 0
    for index in range(reader.num_record_batches):
        batch = reader.get_batch(index)
        skipped = min(max(0, offset - passed), batch.num_rows)
        passed += batch.num_rows
        if skipped < batch.num_rows:
            yield _response(batch.slice(skipped), schema if first else None)
            first = False
    if first:  # there are no rows, but the reader needs the schema
        yield _response(pa.RecordBatch.from_pylist([], schema=reader.schema), schema)


def _response(batch: pa.RecordBatch, schema: types.ArrowSchema | None) -> types.ReadRowsResponse:
    serialized = types.ArrowRecordBatch(serialized_record_batch=batch.serialize().to_pybytes())
    response = types.ReadRowsResponse(arrow_record_batch=serialized, row_count=batch.num_rows)
    if schema is not None:
        response.arrow_schema = schema
    return response


def _table(name: str) -> TableRef:
    parts = name.split("/")
    if len(parts) != 6 or parts[0::2] != ["projects", "datasets", "tables"]:
        raise BigQueryError("invalid", f"Invalid table name: {name}")
    return TableRef(parts[1], parts[3], parts[5])


def _moment(asked: types.ReadSession) -> dt.datetime | None:
    if "snapshot_time" not in asked.table_modifiers:
        return None
    modifiers = types.ReadSession.TableModifiers.pb(asked.table_modifiers)
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=modifiers.snapshot_time.ToMicroseconds())
