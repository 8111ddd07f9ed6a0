"""The runbook and terraform/README.md agree with the files that they describe."""

import re

from tests.support.contract.rights import ROOT
from tools.terraform.readme import rendered

RUNBOOK = sorted((ROOT / "docs" / "runbook").glob("*.md"))


def test_the_readmes_tables_are_made_from_the_files() -> None:
    readme = (ROOT / "terraform" / "README.md").read_text(encoding="utf-8")
    assert readme == rendered(readme), "run: python -m tools.terraform.readme"


def test_variables_and_commands_of_the_runbook_exist() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in RUNBOOK)
    variables = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "terraform").glob("variables*.tf"))
    script = (ROOT / "deploy.sh").read_text(encoding="utf-8")
    settings, commands = set(re.findall(r"`(\w+) = ", text)), set(re.findall(r"\./deploy\.sh ([a-z-]+)", text))
    assert settings
    assert settings <= set(re.findall(r'^variable "(\w+)"', variables, re.MULTILINE))
    assert {"apply", "plan", "destroy"} <= commands
    assert all(f"    {command})" in script for command in commands)
    assert set(re.findall(r"`?(--[a-z-]+)", "".join(re.findall(r"\./deploy\.sh [^`\n]*", text)))) <= set(
        re.findall(r"^ +(--[a-z-]+)", script, re.MULTILINE)
    )


def test_documents_say_that_nothing_was_applied_to_google_cloud() -> None:
    for path in (ROOT / "terraform" / "README.md", ROOT / "docs" / "runbook" / "README.md"):
        assert "Nothing was applied to Google Cloud" in " ".join(path.read_text(encoding="utf-8").split())
