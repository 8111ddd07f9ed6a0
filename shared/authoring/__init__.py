"""The command line for authors of pipeline templates: validate, explain, schema."""
