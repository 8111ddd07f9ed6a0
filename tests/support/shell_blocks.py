"""Finds the shell commands in the documents, and the constructs that do not work in every shell."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^ *```(bash|sh|console)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# Applied to a command's text with each quoted part replaced by Q, and spaces around it.
_UNQUOTED = {
    r"\s#": "a comment: an interactive zsh takes it for an argument or a command",
    r"[?*]|\w\[": "an unquoted pattern: zsh stops when no file matches it",
    r"\b(?:mapfile|readarray|shopt|declare|coproc)\b|\bexport -f|\bread -[ap]": "only bash has it",
    r"\$\{!|\$\{\w+[,^]|\bBASH_": "only bash expands it",
    r"\bfor \w+ in \$\w": "zsh does not split a variable into words",
    r"\bsed -i|\breadlink -f|\bdate -d|\bgrep -\w*P|\bxargs -r": "only GNU has it, and macOS does not",
}
# A shell takes these lines as they are, but a line with ! is still looked up in the history.
_LITERAL = re.compile(r"<<'(\w+)'$.*?^\1$", re.MULTILINE | re.DOTALL)
_HISTORY = re.compile(r"![^\s=(\"]")


@dataclass(frozen=True)
class Block:
    """One fenced block of a document; `line` is the number of its first command in the file."""

    document: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "terraform").glob("*.md")])


def blocks_of(path: Path, text: str | None = None) -> Iterator[Block]:
    """The commands that a document shows; of a console block the lines after `$ ` and their continuations."""
    text = path.read_text(encoding="utf-8") if text is None else text
    for found in _FENCE.finditer(text):
        shown = textwrap.dedent(found[2])
        commands = shown if found[1] != "console" else _typed(shown)
        yield Block(path.relative_to(ROOT).as_posix(), text[: found.start(2)].count("\n") + 1, commands)


def _typed(console: str) -> str:
    typed, goes_on = [], False
    for line in console.splitlines():
        if goes_on or line.startswith("$ "):
            typed.append(line.removeprefix("$ "))
            goes_on = line.endswith("\\")
    return "".join(f"{line}\n" for line in typed)


def problems(commands: str) -> list[str]:
    """Why these lines cannot be pasted into an interactive bash and zsh, on Linux and on macOS."""
    unquoted, doubly_quoted = _split(commands)
    read, _ = _split(_LITERAL.sub("Q", commands))
    found = [why for pattern, why in _UNQUOTED.items() if re.search(pattern, read)]
    if any(_HISTORY.search(part) for part in [unquoted, *doubly_quoted]):
        found.append("an exclamation mark: interactive shells look it up in their history")
    return found


def _split(commands: str) -> tuple[str, list[str]]:
    """The text with every quoted part as Q, and the parts in double quotes."""
    unquoted, doubly_quoted, at = "\n", [], 0
    while at < len(commands):
        quote = commands[at]
        if quote == "\\":
            unquoted, at = unquoted + "Q", at + 2
        elif quote in "'\"":
            end = _closing(commands, at)
            doubly_quoted += [commands[at + 1 : end]] if quote == '"' else []
            unquoted, at = unquoted + "Q", end + 1
        else:
            unquoted, at = unquoted + quote, at + 1
    return unquoted, doubly_quoted


def _closing(commands: str, opening: int) -> int:
    """The end of the quote that opens here."""
    at = opening + 1
    while at < len(commands) and commands[at] != commands[opening]:
        at += 2 if commands[opening] == '"' and commands[at] == "\\" else 1
    return at
