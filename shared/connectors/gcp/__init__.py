"""Reads Google Cloud's billing export."""
