"""`python -m devcloud`."""

import sys

from devcloud.cli import main
from shared.terminal import replace_what_cannot_be_shown

if __name__ == "__main__":
    replace_what_cannot_be_shown()
    sys.exit(main())
