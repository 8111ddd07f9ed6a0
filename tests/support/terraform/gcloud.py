"""Replaces the Google Cloud CLI in tests of deploy.sh: keeps secrets and APIs in files and records each call.

usage: gcloud.py FOLDER ARGUMENTS...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Handle one call."""
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    with (folder / "calls").open("a", encoding="utf-8") as calls:
        calls.write(" ".join(arguments) + "\n")
    words = [argument for argument in arguments if not argument.startswith("--")]
    options = dict(
        argument[2:].split("=", 1) for argument in arguments if argument.startswith("--") and "=" in argument
    )
    match words[:2]:
        case ["secrets", *_]:
            return _secrets(folder / "secrets.json", words, options)
        case ["services", "enable"]:
            (folder / "apis").write_text("\n".join(words[2:]), encoding="utf-8")
        case ["services", "list"] if (folder / "apis").exists():
            print((folder / "apis").read_text(encoding="utf-8"))
        case ["storage", ("buckets" | "objects")] if words[2] == "describe":
            return 0 if (folder / "storage" / words[3].removeprefix("gs://").replace("/", "|")).exists() else 1
        case ["storage", "buckets"] if words[2] == "create":
            (folder / "storage").mkdir(exist_ok=True)
            (folder / "storage" / words[3].removeprefix("gs://")).touch()
        case ["auth", "print-identity-token"]:
            print("token-of-a-person")
        case ["config", "get-value"]:
            print("engineer@example.com")
    return 0


def _secrets(file: Path, words: list[str], options: dict[str, str]) -> int:
    secrets: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    named = options.get("secret") or words[3 if words[1] == "versions" else 2]
    kept = secrets.setdefault(named, {"keys": [], "aliases": {}})
    match words[1:3]:
        case ["versions", "add"]:
            kept["keys"].append(sys.stdin.read())
            print(f"projects/1/secrets/{words[3]}/versions/{len(kept['keys'])}")
        case ["versions", "access"]:
            print(kept["keys"][int(kept["aliases"][words[3]]) - 1], end="")
        case ["describe", _]:
            print(kept["aliases"].get(options["format"].removeprefix("value(versionAliases.").removesuffix(")"), ""))
        case ["update", _]:
            kept["aliases"] |= dict(pair.split("=") for pair in options["update-version-aliases"].split(","))
        case _:
            return 1
    file.write_text(json.dumps(secrets), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
