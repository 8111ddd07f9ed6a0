"""Serves the console: pages that show a tenant what was spent, how final that is, and what changed."""

import flask

from shared.console.assets import show_asset
from shared.console.pages import alerts, changes, costs, login
from shared.console.policies import anybody
from shared.console.site import Route, Site

_ASSETS = (Route("GET /console/static/{file}", anybody, show_asset),)

site = Site("console", _ASSETS, login.ROUTES, costs.ROUTES, changes.ROUTES, alerts.ROUTES)


def console(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return site.respond(request)
