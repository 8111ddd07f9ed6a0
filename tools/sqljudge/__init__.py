"""Checks the product's SQL statements with Google's own SQL analyser."""
