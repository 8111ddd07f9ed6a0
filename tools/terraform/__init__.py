"""Tools for Terraform: one packs the functions, the others let the real Terraform check our files without a cloud."""
