"""The gateway in front of the functions: routing, Cloud Run's IAM check, and the functions' processes."""
