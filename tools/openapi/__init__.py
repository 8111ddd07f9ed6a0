"""The HTTP API in docs/openapi.json and docs/api.md: routes and schemas from the product, words from contract/."""
