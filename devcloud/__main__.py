"""`python -m devcloud`."""

import sys

from devcloud.cli import main
from devcloud.loopback import reach_loopback_directly
from shared.runtime.terminal import replace_what_cannot_be_shown

if __name__ == "__main__":
    reach_loopback_directly()
    replace_what_cannot_be_shown()
    sys.exit(main())
