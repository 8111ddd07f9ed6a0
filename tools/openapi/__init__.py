"""The HTTP API described in docs/openapi.json: routes and shapes from the product, words from contract/."""
