"""The files under configs/ and the environment, as checked models."""
