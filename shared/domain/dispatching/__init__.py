"""The dispatcher's decision: it settles live runs, cancels and admits waiting ones."""
