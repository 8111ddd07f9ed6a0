"""Runs two targets of the Makefile at a time, and prints the output of each when it has ended.

python -m tools.side_by_side TARGET...
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

_AT_ONCE = 2


def run(target: str) -> subprocess.CompletedProcess[str]:
    """Make one target and return its output and errors in the order in which they were written."""
    command = ["make", target]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def main(targets: list[str]) -> int:
    """Run all of them, also after one has failed; returns 1 if any has."""
    failed = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        started = {pool.submit(run, target): target for target in targets}
        for ended in as_completed(started):
            target, result = started[ended], ended.result()
            print(f"== make {target}\n{result.stdout}", flush=True)
            if result.returncode:
                failed.append(target)
    print(f"Failed: {', '.join(failed)}." if failed else f"Passed: {', '.join(targets)}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
