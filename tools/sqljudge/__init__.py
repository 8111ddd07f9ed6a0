"""Judges the product's statements by Google's own SQL analyser."""
