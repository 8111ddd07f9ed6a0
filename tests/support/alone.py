"""Runs one command on a machine without a network, and records the names that it looked up.

    python -m tests.support.alone COMMAND...    for example pytest -q -n 0 tests/api

The command runs in a network namespace with loopback only (Linux). The one name server there writes down each question
and knows no name. Exits with the command's status, or with 1 when it looked a name up.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]
# These two files decide how glibc looks up a name: whether it asks a name server, and which one.
_FILES = {
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    "nsswitch.conf": "hosts: files dns\n",
}
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_QUESTION_AT = 12  # after the header of a DNS message
_NO_SUCH_NAME = b"\x81\x83"


@dataclass(frozen=True)
class Outcome:
    """The result of a command in its own namespace; `asked` has the names that were looked up, in order."""

    returncode: int
    output: str
    asked: Sequence[str]


@dataclass(frozen=True)
class Alone:
    """A process in its own namespace, and the file to which the name server writes."""

    process: subprocess.Popen[str]
    names: Path

    def beside(self, command: Sequence[str], *, folder: Path) -> Sequence[str]:
        """Return a command that runs the given one in a folder, in the namespace of the process."""
        own = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        entered = ("nsenter", f"--target={self.process.pid}", "--net", "--mount", *own)
        return [*entered, *in_folder(folder, command)]

    def asked(self) -> Sequence[str]:
        """Return the names that were looked up so far."""
        return self.names.read_text(encoding="utf-8").splitlines() if self.names.exists() else []


def in_folder(folder: Path, command: Sequence[str]) -> Sequence[str]:
    """Return a command that changes to the folder and runs the given one there."""
    return ["sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command]


@cache
def why_not() -> str | None:
    """The reason why no such namespace can be made here, or None."""
    try:
        outcome = run_alone(["true"])
    except FileNotFoundError as error:
        return f"namespaces need Linux and util-linux: {error}"
    return outcome.output.strip().rpartition("\n")[2] or "unshare failed" if outcome.returncode else None


def run_alone(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, timeout_seconds: float = 30
) -> Outcome:
    """Run a command in the project's folder, in a network namespace of its own."""
    with started_alone(command, environment=environment) as alone:
        output, _ = alone.process.communicate(timeout=timeout_seconds)
        return Outcome(alone.process.returncode, output, alone.asked())


@contextmanager
def started_alone(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Iterator[Alone]:
    """Start a command as `run_alone` does. A SIGTERM to the process goes to the command."""
    with tempfile.TemporaryDirectory(prefix="alone-") as folder:
        for name, content in _FILES.items():
            Path(folder, name).write_text(content, encoding="utf-8")
        with subprocess.Popen(
            [*_unshare(), sys.executable, "-m", "tests.support.alone", "--inside", folder, *command],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
            start_new_session=True,
        ) as process:  # fmt: skip
            try:
                yield Alone(process, Path(folder, "asked"))
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)  # end the command too, not only the process that waits for it
                raise


def _unshare() -> Sequence[str]:
    return ("unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]))


def _inside(folder: Path, command: Sequence[str]) -> int:
    """In the new namespaces, start loopback and the name server, run the command, and return its exit status."""
    for name in _FILES:
        if Path("/etc", name).exists():
            subprocess.run(["mount", "--bind", folder / name, f"/etc/{name}"], check=True)
    _bring_up_loopback()
    with (folder / "asked").open("w", buffering=1, encoding="utf-8") as asked, _name_server() as server:
        threading.Thread(target=_answer, args=(server, asked), daemon=True).start()
        with subprocess.Popen(command) as running:
            signal.signal(signal.SIGTERM, lambda *_: running.terminate())
            return running.wait()


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = struct.unpack_from("16xH", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("40s", b"lo")))[0]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))


def _name_server() -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    return server


def _answer(server: socket.socket, asked: TextIO) -> None:
    while True:
        question, sender = server.recvfrom(4096)
        asked.write(f"{_name(question)}\n")
        server.sendto(question[:2] + _NO_SUCH_NAME + question[4:6] + bytes(6) + question[_QUESTION_AT:], sender)


def _name(question: bytes) -> str:
    labels, at = [], _QUESTION_AT
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    return ".".join(labels)


def main(arguments: Sequence[str]) -> int:
    """The command line; `--inside` is for the process that `run_alone` starts."""
    if arguments[0] == "--inside":
        return _inside(Path(arguments[1]), arguments[2:])
    if reason := why_not():
        print(reason, file=sys.stderr)
        return 1
    outcome = run_alone(arguments, timeout_seconds=3_600)
    print(outcome.output, end="")
    for name in outcome.asked:
        print(f"looked up: {name}", file=sys.stderr)
    return outcome.returncode or bool(outcome.asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
