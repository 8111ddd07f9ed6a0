"""The rules of requests: authentication, limits, names, pages, fields and the words of errors."""
