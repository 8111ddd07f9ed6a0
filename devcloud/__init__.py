"""A local Google Cloud for development and tests; the product never imports it and never ships it."""
