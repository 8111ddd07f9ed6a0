"""`python -m shared.authoring`."""

from shared.authoring.cli import main
from shared.runtime.terminal import replace_what_cannot_be_shown

replace_what_cannot_be_shown()
raise SystemExit(main())
