"""What stands in front of the functions in the cloud: routing, Cloud Run's IAM check, processes that come and go."""
