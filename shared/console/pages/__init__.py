"""Holds the console's pages: one module and one template for each."""
