"""Generates and compiles the TypeScript client with the tools that clients/typescript/package-lock.json pins."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "typescript"
NODE = ROOT / ".venvs" / "browser" / "bin" / "node"
MODULES = ROOT / ".venvs" / "client" / "node_modules"


def run_node(program: str, *arguments: str | Path) -> str:
    """Run a program of a package; returns what it printed. A failure raises with it."""
    command = [NODE, MODULES / program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


def generated_schema(folder: Path) -> str:
    """schema.ts, made from docs/openapi.json with the options of package.json."""
    written = folder / "schema.ts"
    run_node(
        "openapi-typescript/bin/cli.js", ROOT / "docs" / "openapi.json",
        "--default-non-nullable=false", "--output", written,
    )  # fmt: skip
    return written.read_text(encoding="utf-8")


def copied_client(folder: Path) -> Path:
    """A copy of the client's sources beside its packages, as a checkout has them after `npm ci`."""
    copy = folder / "client"
    shutil.copytree(CLIENT, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (copy / "node_modules").symlink_to(MODULES)
    return copy


def compile_client(copy: Path) -> Path:
    """Compile a copy; returns the folder of its modules. AssertionError has what the compiler found."""
    run_node("typescript/bin/tsc", "--project", copy)
    return copy / "dist"
