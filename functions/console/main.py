"""Serves the console.

Its pages show tenants what was spent, how final that is, and what changed, and operators whether the platform is well.
"""

import flask

from shared.console.assets import show_asset
from shared.console.pages import (
    alerts,
    changes,
    connection,
    costs,
    login,
    operator,
    operator_login,
    reference,
    runs,
    schedules,
    tenants,
)
from shared.console.policies import anybody
from shared.console.site import Route, Site

_ASSETS = (Route("GET /console/static/{file}", anybody, show_asset),)

_OPERATORS = (operator_login.ROUTES, operator.ROUTES, tenants.ROUTES)
_PAGES = (costs.ROUTES, changes.ROUTES, runs.ROUTES, schedules.ROUTES, connection.ROUTES, alerts.ROUTES)

site = Site("console", _ASSETS, reference.ROUTES, login.ROUTES, *_PAGES, *_OPERATORS)


def console(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return site.respond(request)
