"""`python -m convergence`."""

from convergence.app import main
from shared.runtime.terminal import replace_what_cannot_be_shown

replace_what_cannot_be_shown()
raise SystemExit(main())
