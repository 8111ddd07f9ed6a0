"""Writes docs/openapi.json and docs/api.md. Routes and schemas come from the product, descriptions from contract/."""
