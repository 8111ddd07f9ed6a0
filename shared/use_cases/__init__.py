"""The use cases. Each file has one request, or the requests about one thing."""
