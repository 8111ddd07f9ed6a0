"""`python -m shared.pipeline`."""

from shared.pipeline.cli import main
from shared.terminal import replace_what_cannot_be_shown

replace_what_cannot_be_shown()
raise SystemExit(main())
