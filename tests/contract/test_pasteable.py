"""The commands in the documents can be pasted into bash and zsh, on Linux and on macOS."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.support.shell_blocks import ROOT, Block, blocks_of, documents, problems

WIDTH = 120  # columns of a line that is read before it is pasted
BLOCKS = [block for path in documents() for block in blocks_of(path)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_can_be_pasted(block: Block) -> None:
    assert problems(block.text) == []
    assert [line for line in block.text.splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shells_can_read_every_block(shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"this machine has no {shell}")
    for block in BLOCKS:
        read = subprocess.run([shell, "-n"], input=block.text, capture_output=True, text=True, check=False)
        assert (read.returncode, read.stderr) == (0, ""), str(block)


def test_the_readme_and_the_runbook_have_blocks() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/runbook/README.md"} <= {block.document for block in BLOCKS}


@pytest.mark.parametrize(
    "line",
    [
        "make test   # all of them",
        "# a comment of its own",
        "ls; # the files",
        "curl -s $GATEWAY/runs?limit=1",
        "rm *.log",
        "jq .runs[0]",
        'read -p "name: " NAME',
        "mapfile -t LINES < file",
        'echo "${NAME,,}"; for part in $PARTS; do echo; done',
        "sed -i s/a/b/ file",
        'echo "done!now"',
        "cat > file.py <<'END'\nEND\nrm *.log",
        "cat > file.txt <<'END'\ndone!now\nEND",
    ],
)
def test_a_line_that_some_shell_does_not_accept_is_found(line: str) -> None:
    assert problems(f"{line}\n") != []


@pytest.mark.parametrize(
    "line",
    [
        "curl -s \"$GATEWAY/runs?limit=1\" -H 'X-API-Key: #1' | jq '.runs[] # all'",
        "until runs | jq -e '.runs[0]'; do sleep 1; done",
        "cat > file.py <<'END'\nprint(rows[0])  # the first\nEND",
        'devcloud() { .venv/bin/python -m devcloud "$@"; }',
        'echo "a \\" # b" it\\\'s',
        "if [ ! -e file ]; then echo ${#NAME}; fi",
    ],
)
def test_a_line_that_every_shell_accepts_passes(line: str) -> None:
    assert problems(f"{line}\n") == []


def test_only_the_typed_lines_of_a_console_block_count() -> None:
    text = "# Title\n\n```console\n$ make \\\n  demo\nDone in 3 s. # said\n$ make test\n```\n"
    assert list(blocks_of(ROOT / "README.md", text)) == [Block("README.md", 4, "make \\\n  demo\nmake test\n")]
