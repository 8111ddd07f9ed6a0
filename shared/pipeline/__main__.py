"""`python -m shared.pipeline`."""

from shared.pipeline.cli import main

raise SystemExit(main())
