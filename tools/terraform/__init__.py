"""Terraform's own tools: what packs the functions, and what lets real Terraform judge our files without a cloud."""
