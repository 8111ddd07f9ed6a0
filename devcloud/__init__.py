"""A local Google Cloud for development and tests. The product does not import it, and deployments do not contain it."""
