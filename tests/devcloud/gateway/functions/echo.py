"""Functions for the gateway's tests: one returns its request, one can be made to fail."""

import json
import os
import threading

import flask


def echo(request: flask.Request) -> flask.Response:
    """The request as JSON."""
    seen = {
        "method": request.method,
        "path": request.full_path.rstrip("?"),
        "raw": request.environ["REQUEST_URI"],
        "headers": dict(request.headers),
        "body": request.get_data().decode(),
        "pid": os.getpid(),
        "colour": os.environ.get("COLOUR"),
    }
    print(json.dumps({"severity": "INFO", "message": "echoed"}))
    return flask.Response(json.dumps(seen), 207, {"X-Echo": "yes"}, content_type="application/json")


def guarded(request: flask.Request) -> flask.Response:
    """The same as `echo`; the tests make it private."""
    return echo(request)


def broken(request: flask.Request) -> flask.Response:
    """End the process or never answer, as the query says."""
    if request.args.get("die"):
        os._exit(9)
    if request.args.get("hang"):
        threading.Event().wait()
    return flask.Response("alive")


def impatient(request: flask.Request) -> flask.Response:
    """The same as `broken`, with a timeout of one second."""
    return broken(request)
