"""Tries a tenant's credential as a run would use it; called by setup_credentials."""

from dataclasses import asdict

import flask

from shared.bootstrap import credential_verification
from shared.domain.credentials.verification import VerifyTask
from shared.http import Answer, Routes
from shared.http.policies import PlatformCall, platform_caller

routes = Routes("verify_credentials")


@routes.on("POST /api/v1/internal/verify", policy=platform_caller)
def _verify(call: PlatformCall) -> Answer:
    """200 with the problems that a run would have, or with the export that it would read."""
    return Answer(200, asdict(credential_verification().verify(call.body_as(VerifyTask))))


def verify_credentials(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
