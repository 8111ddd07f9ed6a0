"""The only code that imports google.cloud."""
