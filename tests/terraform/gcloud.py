"""Stands in for the Google Cloud CLI where deploy.sh is tested: keeps secrets' versions in a file and notes each call.

usage: gcloud.py FOLDER ARGUMENTS...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """One call."""
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    with (folder / "calls").open("a", encoding="utf-8") as calls:
        calls.write(" ".join(arguments) + "\n")
    words = [argument for argument in arguments if not argument.startswith("--")]
    options = dict(
        argument[2:].split("=", 1) for argument in arguments if argument.startswith("--") and "=" in argument
    )
    if words[0] != "secrets":
        return 0
    return _secrets(folder / "secrets.json", words, options)


def _secrets(file: Path, words: list[str], options: dict[str, str]) -> int:
    kept: dict[str, Any] = (
        json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"keys": [], "aliases": {}}
    )
    match words[1:3]:
        case ["versions", "add"]:
            kept["keys"].append(sys.stdin.read())
            print(f"projects/1/secrets/{words[3]}/versions/{len(kept['keys'])}")
        case ["versions", "describe"] if words[3] in kept["aliases"]:
            print(f"projects/1/secrets/{options['secret']}/versions/{kept['aliases'][words[3]]}")
        case ["update", _]:
            kept["aliases"] |= dict(pair.split("=") for pair in options["update-version-aliases"].split(","))
        case _:
            return 1
    file.write_text(json.dumps(kept), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
