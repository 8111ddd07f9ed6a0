"""Answers the HTTP requests of the API: JSON, CSV, problem documents, CORS."""

from __future__ import annotations

from flask import Request, Response

from shared import errors
from shared.configuration.settings import get_settings
from shared.http.endpoint import Endpoint, trace_id_of
from shared.http.messages import Answer, Call, Caller, CsvAnswer
from shared.http.problems import problem
from shared.http.responses import allow_origin, csv_response, json_response

_ALLOWED_HEADERS = "Content-Type, X-API-Key, X-User-ID, Idempotency-Key, X-Request-ID"


class Routes(Endpoint[Answer | CsvAnswer]):
    """The API's routes of one function."""

    def render(self, call: Call[Caller], reply: Answer | CsvAnswer) -> Response:  # noqa: ARG002 - pages use the call
        """A JSON or CSV response."""
        if isinstance(reply, CsvAnswer):
            return csv_response(reply.columns, reply.rows)
        return json_response(reply.status, reply.body, reply.headers)

    def refuse(self, error: errors.ConvergenceError | None, request: Request) -> Response:
        """A problem document."""
        answer = problem(error, instance=request.path, trace_id=trace_id_of(request))
        return json_response(answer.status, answer.body, answer.headers, content_type="application/problem+json")

    def complete(self, response: Response, request: Request) -> None:
        """Let the configured origins read the response."""
        allow_origin(response, request.headers.get("Origin"), get_settings().origins)

    def preflight(self, path: str) -> Response:
        """The methods and headers that a configured origin may use."""
        if not (allowed := self.methods(path)):
            raise errors.NotFound
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = ", ".join(allowed)
        response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = "3600"
        return response
