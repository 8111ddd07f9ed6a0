"""Hosts one function as Cloud Run would: its functions-framework app on a loopback port, in a process of its own.

    python -m devcloud.function_host --function NAME [--source functions/NAME/main.py]

The port is announced as one line on standard output; everything the function prints goes to standard error, which
the gateway points at the function's log. The process ends when its standard input closes, so that the death of
devcloud, however sudden, leaves no function behind.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path

import functions_framework

from devcloud.http_server import HttpServer


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(prog="python -m devcloud.function_host", description=__doc__)
    parser.add_argument("--function", required=True, help="the function's name, which is also its entry point")
    parser.add_argument("--source", type=Path, help="the file that defines it (default: functions/NAME/main.py)")
    arguments = parser.parse_args()
    source = arguments.source or Path("functions") / arguments.function / "main.py"
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    announcement = _take_standard_output()
    app = functions_framework.create_app(arguments.function, str(source))  # type: ignore[no-untyped-call]
    server = HttpServer(app, name=arguments.function)
    server.start()
    os.write(announcement, f"{server.port}\n".encode())
    os.close(announcement)
    threading.Event().wait()


def _take_standard_output() -> int:
    """The descriptor for the announcement; from here on whatever is printed goes to standard error."""
    announcement = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr  # written line by line: the last words of a killed instance count
    return announcement


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    # Not sys.exit: the instance is gone, as one of Cloud Run's is, whatever its threads were doing.
    os._exit(0)


if __name__ == "__main__":
    main()
