"""The product's code, which all functions share."""
