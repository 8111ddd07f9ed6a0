"""Tools of Terraform: one packs the functions, others let real Terraform check our files without a cloud."""
