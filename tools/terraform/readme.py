"""Writes the tables of terraform/README.md from the descriptions in the files: `python -m tools.terraform.readme`."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent.parent / "terraform"
_BLOCK = re.compile(r'^(?P<kind>variable|output) "(?P<name>\w+)" \{\n(?P<body>.*?)^\}', re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"(<!-- (?P<kind>variable|output|file)s -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(readme: str) -> str:
    """The README with new tables."""
    tables = {"variable": _variables, "output": _outputs, "file": _files}
    return _SECTION.sub(lambda section: section[1] + tables[section["kind"]]() + section[3], readme)


def _variables() -> str:
    rows = []
    for name, body in _blocks("variable"):
        default = _attribute(body, "default")
        shown = "**to be filled in**" if default is None else f"`{default}`"
        rows.append(f"| `{name}` | {shown} | {_description(body)} |")
    return "| variable | default | what it is |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _outputs() -> str:
    rows = [f"| `{name}` | {_description(body)} |" for name, body in _blocks("output")]
    return "| output | what it is |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def _files() -> str:
    rows = [f"| {path.name} | {_heading(path.read_text(encoding='utf-8'))} |" for path in sorted(FOLDER.glob("*.tf"))]
    return "| file | what it holds |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def _heading(text: str) -> str:
    """The first sentence of the comment that opens a file."""
    lines = itertools.takewhile(lambda line: line.startswith("# "), text.splitlines())
    sentence, _, _ = " ".join(line[2:] for line in lines).partition(". ")
    return f"{sentence.removesuffix('.')}."


def _blocks(kind: str) -> list[tuple[str, str]]:
    files = [*sorted(FOLDER.glob("variables*.tf")), FOLDER / "outputs.tf"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return [(block["name"], block["body"]) for block in _BLOCK.finditer(text) if block["kind"] == kind]


def _attribute(body: str, name: str) -> str | None:
    found = re.search(rf"^  {name} *= (.*)$", body, re.MULTILINE)
    return found[1].strip('"') or '""' if found else None


def _description(body: str) -> str:
    lines = re.search(r"^  description *= <<-EOT\n(.*?)^  EOT$", body, re.MULTILINE | re.DOTALL)
    text = " ".join(lines[1].split()) if lines else (_attribute(body, "description") or "").replace('\\"', '"')
    return text.replace("|", "\\|")


if __name__ == "__main__":
    path = FOLDER / "README.md"
    path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")
